/** Clients, for whoever may touch some keys. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inNameScope } from "../../src/access/About.ts"
import { CurrentIdentity, type Identity } from "../../src/access/Identity.ts"
import { Clients } from "../../src/fleet/Clients.ts"
import type { ListOptions } from "../../src/fleet/InstanceStore.ts"
import { layerOn, report } from "./Reports.ts"

const other = { ...report, instance: "other", patterns: ["zoo.*"], keys: [] }
const flags = { ...report, instance: "flags", patterns: ["@flag/*", "shop"], keys: [] }
/** As the stores do: CL5 in test/contracts/Instances.ts */
const layer = layerOn(({ scope }: ListOptions) => {
  assert.isDefined(scope, "nothing is read but what may be seen")
  return Effect.succeed(
    [report, other, flags].map((one) => ({ ...one, keys: one.keys.filter(({ key }) => inNameScope(scope, key)) }))
  )
})
const as = (more: Partial<Identity>) =>
  Effect.provideService(CurrentIdentity, {
    ...{ name: "pay", keyId: "p", role: "viewer" as const, environments: ["production"] },
    ...more
  })

describe("clients for whoever may touch some keys", () => {
  it.effect("CL5 shows instances that subscribe to such, and of what they have that alone", () =>
    Effect.gen(function* () {
      const clients = yield* Clients
      const some = as({ keys: ["shop.*"] })
      const list = (more: object = {}) => clients.list({ environment: "production", limit: 10, ...more })
      const { clients: found, next } = yield* some(list())
      assert.deepStrictEqual(
        found.map(({ instance, patterns, keys }) => [instance, patterns, keys.map(({ key }) => key)]),
        [
          ["one", ["shop.*"], ["shop.a", "shop.b", "shop.gone", "shop.new", "shop.t"]],
          ["flags", ["@flag/shop.*"], []]
        ]
      )
      assert.isUndefined(next)
      const names = (page: { readonly clients: ReadonlyArray<{ readonly instance: string }> }) =>
        page.clients.map(({ instance }) => instance)
      assert.deepStrictEqual(names(yield* as({ kinds: ["config"], keys: ["zoo.a"] })(list())), ["other"])
      assert.deepStrictEqual(names(yield* as({ kinds: ["flag"] })(list())), ["flags"])
      for (const asked of [list({ key: "shop" }), list({ key: "@toy/shop.a" })])
        assert.strictEqual((yield* Effect.flip(some(asked))).name, "Forbidden")
      const of = { environment: "production", key: "shop", service: undefined, wanted: undefined, after: undefined }
      assert.strictEqual((yield* Effect.flip(some(clients.summary(of as never)))).name, "Forbidden")
      assert.strictEqual((yield* Effect.flip(some(clients.nodes()))).name, "Forbidden")
      yield* some(list({ key: "shop.a" }))
    }).pipe(Effect.provide(layer))
  )
})
