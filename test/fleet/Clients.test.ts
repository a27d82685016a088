import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { client } from "../../src/edge/http/fleet/Wire.ts"
import { Clients } from "../../src/fleet/Clients.ts"
import type { Counted } from "../../src/fleet/Instance.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import type { Summary } from "../../src/fleet/Summary.ts"
import { publish } from "../support/Release.ts"
import { below, configurations, propagation } from "../support/Twins.ts"
import { heads, layerOn, report } from "./Reports.ts"

const layer = layerOn(() => Effect.succeed([report]))

describe("Clients", () => {
  it.effect(
    "CL1 shows for each key of the patterns what is desired beside what was sent, applied or rejected and why",
    () =>
      Effect.gen(function* () {
        const clients = yield* Clients
        const [found] = (yield* clients.list({ limit: 10 })).clients
        const rows = client(found!).keys.map((row) => [
          row.key,
          row.desired?.version ?? null,
          row.sent?.version ?? null,
          row.applied?.version ?? null,
          row.rejected === null ? null : `${row.rejected.version} ${row.rejected.reason}`,
          row.problem
        ])

        assert.deepStrictEqual(rows, [
          ["shop", 2, 2, 2, null, ""],
          ["shop.a", 4, 3, 2, "3 too low", ""],
          ["shop.b", 1, 1, null, null, ""],
          ["shop.gone", null, 1, 1, null, ""],
          ["shop.new", 1, null, null, null, ""],
          ["shop.t", 1, null, null, null, "{{x}} is missing"]
        ])
      }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )

  it.effect(
    "SU1 SU2 a summary tells of each key how many have it, refused it, can't have it, or are yet to answer",
    () => {
      const where = { environment: "production", service: "shop" }
      const has = (version: number) => ({ epoch: "e", version, revision: BigInt(version * 10) })
      const none = { applied: undefined, rejected: undefined, problem: undefined }
      const counted: Counted = {
        services: [{ ...where, connected: 10, away: 2 }],
        patterns: [
          { ...where, patterns: ["shop", "shop.*"], clients: 6 },
          { ...where, patterns: ["shop"], clients: 4 }
        ],
        keys: [
          { ...where, ...none, key: "shop", applied: has(2), clients: 5 },
          { ...where, ...none, key: "shop", applied: has(1), rejected: has(2), clients: 2 },
          { ...where, ...none, key: "shop", applied: { ...has(9), epoch: "lost" }, clients: 1 },
          { ...where, ...none, key: "shop.t", problem: has(1), clients: 3 },
          { ...where, ...none, key: "left", applied: has(1), clients: 3 }
        ],
        next: undefined
      }
      const layer = layerOn(
        () => Effect.succeed([]),
        heads,
        () => Effect.succeed(counted)
      )
      return Effect.gen(function* () {
        const clients = yield* Clients
        const told = (found: Summary) =>
          found.services[0]!.keys.map((one) =>
            [one.key, one.clients, one.applied, one.rejected, one.problem, one.pending].join(" ")
          )
        const all = yield* clients.summary({})
        assert.deepStrictEqual(told(all), [
          "shop 10 5 2 0 3",
          "shop.t 6 0 0 3 3",
          "shop.a 6 0 0 0 6",
          "shop.b 6 0 0 0 6",
          "shop.new 6 0 0 0 6"
        ])
        assert.deepStrictEqual(all.services[0]!.keys[0]!.versions, [
          { ...has(2), clients: 5 },
          { ...has(1), clients: 2 },
          { ...has(9), epoch: "lost", clients: 1 }
        ])
        const earlier = yield* clients.summary({ key: "shop", wanted: { epoch: "e", revision: 10n } })
        assert.deepStrictEqual(told(earlier), ["shop 10 7 0 0 3"])
      }).pipe(Effect.provide(layer), Effect.provideService(CurrentIdentity, system))
    }
  )

  it.effect("SU3 clients that ask for many other keys make a summary no dearer, and say that keys are left out", () => {
    const where = { environment: "production", service: "shop" }
    const patterns = Array.from({ length: 1_000 }, (_, group) => ({
      ...where,
      patterns: [...Array.from({ length: 255 }, (_, at) => `other${group}.${at}`), "shop.*"],
      clients: 1
    }))
    const none = { applied: undefined, rejected: undefined, problem: undefined }
    const keys = Array.from({ length: 5_000 }, (_, at) => ({ ...where, ...none, key: `shop.k${at}`, clients: 1_000 }))
    const counted: Counted = { services: [{ ...where, connected: 1_000, away: 0 }], patterns, keys, next: undefined }
    const layer = layerOn(
      () => Effect.succeed([]),
      heads,
      () => Effect.succeed(counted)
    )
    return Effect.gen(function* () {
      const before = process.threadCpuUsage().user
      const { services } = yield* (yield* Clients).summary({})

      assert.deepStrictEqual([services[0]!.keys.length, services[0]!.more], [200, true])
      assert.strictEqual(services[0]!.keys[0]!.clients, 1_000)
      assert.isBelow((process.threadCpuUsage().user - before) / 1_000, 1_500)
    }).pipe(Effect.provide(layer), Effect.provideService(CurrentIdentity, system))
  })

  it.effect("the summary is not for everybody", () =>
    Effect.gen(function* () {
      const clients = yield* Clients
      const subscriber = { name: "s", keyId: "k", role: "subscriber", environments: ["*"] } as const
      const refused = yield* Effect.flip(Effect.provideService(clients.summary({}), CurrentIdentity, subscriber))
      assert.strictEqual(refused.name, "Forbidden")
    }).pipe(Effect.provide(layer))
  )

  it.effect("needs clients.read", () =>
    Effect.gen(function* () {
      const clients = yield* Clients
      const subscriber = { name: "s", keyId: "s", role: "subscriber" as const, environments: ["*"] }
      const error = yield* Effect.flip(
        clients.list({ limit: 1, environment: "production" }).pipe(Effect.provideService(CurrentIdentity, subscriber))
      )

      assert.strictEqual(error.name, "Forbidden")
    }).pipe(Effect.provide(layer))
  )

  it.effect("CL1 what is desired of a template is as new as the variables that it is made with", () =>
    Effect.gen(function* () {
      yield* publish({ key: "herald.variables", value: `{"region":"eu"}`, valueType: "json" })
      yield* publish({ key: "shop.t", value: "{{region}}" })
      const variables = yield* publish({ key: "herald.variables", value: `{"region":"us"}`, valueType: "json" })
      const [found] = (yield* (yield* Clients).list({ limit: 10 })).clients
      const shown = found!.keys.find(({ key }) => key === "shop.t")

      assert.deepInclude(shown?.desired, { version: 1, revision: variables.revision })
    }).pipe(
      Effect.provideService(CurrentIdentity, system),
      Effect.provide(
        Clients.layer.pipe(
          Layer.provide([Layer.mock(InstanceStore, { list: () => Effect.succeed([report]) }), configurations]),
          Layer.provideMerge(propagation()),
          Layer.provideMerge(below(Memory.layer))
        )
      )
    )
  )
})
