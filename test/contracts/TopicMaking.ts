/** What a store of topics does with one that another system has to make. A part of TopicStores.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { fresh } from "../support/fresh.ts"
import { definition } from "../support/Topics.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, TopicStore>) => void

const nameOf = <A, E extends { readonly name: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ name }) => name)

export const topicMakingContract = (test: Test) => {
  test("TS6 a topic that another system has to make is seen once it was made, and no other has its name there", () =>
    Effect.gen(function* () {
      const { create, get, list, update, made, unmade } = yield* TopicStore
      const name = fresh("t/a")
      const wish = definition({ name, log: "kafka" })
      const { id } = yield* create(wish, "ann")
      assert.isUndefined(yield* get(name))
      assert.isUndefined(yield* update(name, { enabled: false }))
      assert.deepStrictEqual((yield* list(name, "", 10)).topics, [])
      const dotted = name.replaceAll("/", ".")
      for (const other of [definition({ name }), wish, { ...wish, name: dotted }])
        assert.strictEqual(yield* nameOf(create(other, "ben")), "TopicExists")
      yield* create(definition({ name: dotted, log: "ephemeral" }), "ben")
      assert.isTrue(yield* unmade(id))
      assert.isFalse(yield* unmade(id))
      assert.isUndefined(yield* made(id, "x"))
      const second = yield* create(wish, "ann")
      const seen = (yield* made(second.id, "x"))!
      assert.deepInclude(seen, { id: second.id, madeAs: "x", version: 1 })
      assert.deepStrictEqual(yield* get(name), seen)
      assert.isFalse(yield* unmade(second.id))
      assert.deepStrictEqual((yield* update(name, { enabled: false }))!.madeAs, "x")
      const here = yield* create(definition({ log: "ephemeral" }), "ann")
      assert.isUndefined(yield* made(here.id, "x"))
      assert.isFalse(yield* unmade(here.id))
    }))
}
