import { BinaryReader } from "@bufbuild/protobuf/wire"
import { assert, it } from "@effect/vitest"
import { statusOf } from "../../../src/edge/grpc/Status.ts"
import { failure } from "../../../src/errors/HeraldError.ts"

it("ZQ1 what an error says comes in its own letters, without control characters", () => {
  const { details } = statusOf(failure("NotFound", "there is no größe … in zürich\u0007\n\ud800"))
  assert.include(details, "there is no größe … in zürich??\ufffd. ")
  assert.include(details, "--env …")
})

it("ZQ3 who is refused at the door is told when to come back, for people's libraries and in milliseconds", () => {
  const {
    code,
    details,
    trailers = {}
  } = statusOf(failure("RateLimited", "too often", { details: { retryAfterMillis: 1_250 } }))
  assert.strictEqual(trailers["retry-after-ms"], "1250")
  const rich = new BinaryReader(Buffer.from(String(trailers["grpc-status-details-bin"]), "base64"))
  assert.strictEqual(rich.tag()[0], 1)
  assert.strictEqual(rich.int32(), code)
  assert.strictEqual(rich.tag()[0], 2)
  assert.strictEqual(rich.string(), details)
  assert.strictEqual(rich.tag()[0], 3)
  const any = new BinaryReader(rich.bytes())
  any.tag()
  assert.strictEqual(any.string(), "type.googleapis.com/google.rpc.RetryInfo")
  any.tag()
  const info = new BinaryReader(any.bytes())
  info.tag()
  const delay = new BinaryReader(info.bytes())
  delay.tag()
  assert.strictEqual(Number(delay.int64()), 1)
  delay.tag()
  assert.strictEqual(delay.int32(), 250_000_000)
  assert.strictEqual(rich.pos, rich.len)
  assert.notProperty(statusOf(failure("NotFound", "there is none")).trailers, "grpc-status-details-bin")
})
