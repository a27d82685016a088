import { assert, it } from "@effect/vitest"
import { statusOf } from "../../../src/edge/grpc/Status.ts"
import { failure } from "../../../src/errors/HeraldError.ts"

it("ZQ1 what an error says comes in its own letters, without control characters", () => {
  const { details } = statusOf(failure("NotFound", "there is no größe … in zürich\u0007\n\ud800"))
  assert.include(details, "there is no größe … in zürich??\ufffd. ")
  assert.include(details, "--env …")
})
