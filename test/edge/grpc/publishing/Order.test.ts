import { assert, describe, it } from "@effect/vitest"
import { Order } from "../../../../src/edge/grpc/publishing/Order.ts"

const at = (key: string, environment = "production") => ({ key, environment })

describe("Order", () => {
  it("PM2 an item waits for the newest of its key, also when an older one is done meanwhile", () => {
    const order = new Order()
    const first = order.take(at("a"))
    const second = order.take(at("a"))
    first.end()
    const third = order.take(at("a"))
    second.end()
    third.end()

    assert.deepStrictEqual(
      [first, second, third].map(({ after }) => after.length),
      [0, 1, 1]
    )
    assert.notStrictEqual(third.after[0], second.after[0])
  })

  it("PM2 variables are between what came before and after in their environment, and in no other", () => {
    const order = new Order()
    order.take(at("a"))
    order.take(at("b"))
    order.take(at("c", "staging"))
    const variables = order.take(at("herald.variables"))
    const [after, elsewhere] = [order.take(at("d")), order.take(at("d", "staging"))]

    assert.deepStrictEqual(
      [variables, after, elsewhere].map(({ after }) => after.length),
      [2, 1, 0]
    )
  })

  it("PM2 nothing is kept of what is done", () => {
    const order = new Order()
    const turns = ["a", "a", "herald.variables", "b"].map((key) => order.take(at(key)))
    for (const { end } of turns) end()

    assert.strictEqual(order.size, 0)
  })
})
