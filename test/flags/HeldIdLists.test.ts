/** Lists of ids as a node holds them, while others take their place. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { IdLists } from "../../src/flags/IdLists.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { elsewhere, gate, many, slow } from "./ListOfIds.ts"

const environment = "production"

describe("lists of ids that a node holds", () => {
  it.live("IL5 a list that was read when its segment names another one by then does not answer", () =>
    Effect.gen(function* () {
      const lists = yield* IdLists
      const [former, newer] = [yield* elsewhere(many(1_200, "a")), yield* elsewhere(many(1_200, "b"))]
      yield* lists.read(newer.ids.digest)
      const wait = (gate.wait = yield* Deferred.make<void>())
      const { reads } = gate
      lists.want(environment, "beta", former.ids.digest)
      yield* Effect.promise(() => waitUntil("the list to be asked for", () => gate.reads > reads))
      lists.want(environment, "beta", newer.ids.digest)
      lists.want(environment, "last", former.ids.digest)
      gate.wait = undefined
      yield* Deferred.succeed(wait, undefined)
      yield* Effect.promise(() =>
        waitUntil("all to be read", () => {
          try {
            return lists.has(environment, "last", "a-1")
          } catch {
            return false
          }
        })
      )
      assert.deepStrictEqual(
        ["a-1", "b-1"].map((id) => lists.has(environment, "beta", id)),
        [false, true]
      )
    }).pipe(
      Effect.provide(
        Layer.suspend(() => IdLists.layer.pipe(Layer.provideMerge(slow.pipe(Layer.provideMerge(Memory.layer)))))
      )
    )
  )
})
