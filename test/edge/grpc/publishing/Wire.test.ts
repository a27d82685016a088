import { assert, describe, it } from "@effect/vitest"
import { PublishRequest } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { bytesOf } from "../../../../src/edge/grpc/publishing/Wire.ts"

describe("bytesOf", () => {
  it("PM3 PX2 all text of an item counts, whichever field holds it", () => {
    for (const field of ["key", "environment", "value", "type", "schema", "message", "idempotencyKey"] as const)
      assert.isAtLeast(bytesOf({ ...PublishRequest.fromPartial({}), [field]: "x".repeat(200_000) }), 400_000, field)
  })
})
