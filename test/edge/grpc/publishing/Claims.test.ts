import { assert, describe, it } from "@effect/vitest"
import { PublishManyRequest } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { ByteBudget } from "../../../../src/bounds/ByteBudget.ts"
import { Claims, mostOf, PARTED, weightOf } from "../../../../src/edge/grpc/publishing/Claims.ts"
import { Whole } from "../../../../src/edge/grpc/publishing/Messages.ts"
import { VALUE_BYTES } from "../../../../src/values/Limits.ts"

describe("Claims", () => {
  it("PM7 what a stream holds counts for all and for its principal, until it is answered or the stream is over", () => {
    const budget = new ByteBudget(100, 60)
    const [one, two, other] = ["a", "a", "b"].map((owner) => new Claims(budget, owner)) as [Claims, Claims, Claims]
    assert.isTrue(one.take(40))
    assert.isFalse(two.take(30)) // of its principal
    assert.isTrue(other.take(60))
    assert.isFalse(other.take(1)) // in all
    const answered = one.leave(25)
    one.give(5)
    assert.deepStrictEqual([one.held, budget.taken], [10, 95])
    one.end()
    assert.deepStrictEqual([one.held, budget.taken], [0, 85])
    answered()
    other.end()
    assert.strictEqual(budget.taken, 0)
  })

  it("PM7 a message weighs no more than was taken for it, nor does a value in parts", () => {
    const rows = [
      { items: Array.from({ length: 1_000 }, () => ({})) },
      { items: [{ key: "k", value: "x".repeat(100_000) }] },
      { items: [{ key: "k", value: "é".repeat(50_000), schema: "{}", message: "m" }] },
      { items: [{}] }
    ].map((row) => PublishManyRequest.fromPartial(row))
    for (const row of rows) {
      const weight = row.items.reduce((sum, item) => sum + weightOf(item), 0)
      assert.isAtMost(weight, mostOf(PublishManyRequest.encode(row).finish().length))
    }
    const whole = new Whole()
    whole.take(
      PublishManyRequest.fromPartial({ items: [{ key: "k", value: "x", message: "y".repeat(250_000) }], more: true })
    )
    for (let n = 0; n < 9; n++) whole.take(PublishManyRequest.fromPartial({ rest: "x".repeat(200_000), more: true }))
    const [item] = whole.take(PublishManyRequest.fromPartial({ rest: "x" })) as ReturnType<
      typeof PublishManyRequest.fromPartial
    >["items"]
    assert.isAbove(item!.value.length, VALUE_BYTES)
    assert.isAtMost(weightOf(item!), PARTED)
  })
})
