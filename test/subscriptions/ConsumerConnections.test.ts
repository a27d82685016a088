import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { system } from "../../src/access/Identity.ts"
import { ConsumerConnections } from "../../src/subscriptions/ConsumerConnections.ts"
import { Consuming } from "../../src/subscriptions/Consuming.ts"
import type { Output } from "../../src/subscriptions/Seat.ts"
import { subscriptionOf } from "./Defined.ts"

/** A consumer that takes one output and no more; `isSpent`: it granted no more, or has room for none. */
const connected = Effect.fnUntraced(function* (isSpent: boolean) {
  const outputs = yield* Queue.unbounded<Output>()
  const joined = {
    ...{ name: "c", subscription: subscriptionOf("shared"), grant: () => {}, answer: () => {}, handIn: () => {} },
    take: Effect.map(Queue.take(outputs), (one) => [one])
  }
  const given = Layer.mergeAll(
    Layer.mock(Consuming)({ join: () => Effect.succeed(joined) }),
    Layer.mock(Access)({ stillValid: () => Effect.succeed(true) })
  )
  const { admit } = Context.get(
    yield* Layer.build(Layer.provide(ConsumerConnections.layer(), given)),
    ConsumerConnections
  )
  const ended: Array<string> = []
  const made = admit(system, {
    joined: () => {},
    tell: () => false,
    whenClear: () => {},
    isSpent: () => isSpent,
    ended: (error) => ended.push(error?.name ?? "")
  })
  assert.isTrue("join" in made)
  if ("join" in made) yield* made.join({ topicName: "t", subscriptionName: "s", consumer: "c", life: 0 })
  const output = Queue.offer(outputs, { is: "durable", receipt: 1 })
  yield* output
  return { ended, output }
})

describe("consumers that are connected", () => {
  it.effect("QU2 one that has all that it granted may work as long as it likes; once more waits for it, a minute", () =>
    Effect.gen(function* () {
      const { ended, output } = yield* connected(true)
      yield* TestClock.adjust("5 minutes")
      assert.isEmpty(ended)
      yield* output
      yield* TestClock.adjust("59 seconds")
      assert.isEmpty(ended)
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(ended, ["SlowConsumer"])
    })
  )

  it.effect("QU2 one whose connection takes nothing of what it was sent is ended after a minute", () =>
    Effect.gen(function* () {
      const { ended } = yield* connected(false)
      yield* TestClock.adjust("64 seconds")
      assert.deepStrictEqual(ended, ["SlowConsumer"])
    })
  )
})
