import { assert, describe, it } from "@effect/vitest"
import { PublishManyRequest } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { Whole } from "../../../../src/edge/grpc/publishing/Messages.ts"
import { VALUE_BYTES } from "../../../../src/values/Limits.ts"

describe("Whole", () => {
  it("PM3 of a value that comes in parts no more is kept than shows that it is too large", () => {
    const whole = new Whole()
    whole.take(PublishManyRequest.fromPartial({ items: [{ key: "a" }], more: true }))
    const rest = "x".repeat(200_000)
    for (let n = 0; n < 10; n++) whole.take(PublishManyRequest.fromPartial({ more: true, rest }))
    const items = whole.take(PublishManyRequest.fromPartial({ rest: "x" }))

    assert.isArray(items)
    assert.deepStrictEqual(
      (items as ReadonlyArray<{ readonly value: string }>).map(({ value }) => value.length),
      [VALUE_BYTES + 1]
    )
  })
})
