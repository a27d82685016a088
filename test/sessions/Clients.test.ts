import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import type { Head } from "../../src/configuration/Configuration.ts"
import { client } from "../../src/edge/http/Answers.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Clients } from "../../src/sessions/Clients.ts"
import { type DeliveryRow, type InstanceReport, InstanceStore } from "../../src/sessions/InstanceStore.ts"

const head = (key: string, version: number, deleted = false): Head => ({
  key,
  environment: "production",
  version,
  revision: BigInt(version * 10),
  digest: "d",
  deleted,
  strict: false,
  template: false
})
const delivery = (key: string, version: number, state: DeliveryRow["state"], reason = ""): DeliveryRow => ({
  environment: "production",
  service: "shop",
  instance: "one",
  key,
  version,
  revision: BigInt(version * 10),
  state,
  reason,
  sentAt: 100,
  answeredAt: state === "sent" ? 0 : 200
})
const report: InstanceReport = {
  environment: "production",
  service: "shop",
  instance: "one",
  state: "connected",
  labels: { region: "eu" },
  patterns: ["shop", "shop.*"],
  connectedAt: 1,
  lastSeen: 2,
  ending: "",
  node: "n",
  session: "r/1",
  deliveries: [
    delivery("shop", 2, "applied"),
    delivery("shop.a", 3, "rejected", "too low"),
    delivery("shop.b", 1, "sent"),
    delivery("shop.gone", 1, "applied"),
    delivery("shop.t", 1, "problem", "{{x}} is missing")
  ],
  health: undefined
}
const heads: Record<string, ReadonlyArray<Head>> = {
  shop: [head("shop", 2)],
  "shop.*": [
    head("shop.a", 4),
    head("shop.b", 1),
    head("shop.gone", 2, true),
    head("shop.new", 1),
    head("shop.t", 1),
    head("shop.never", 1, true)
  ]
}

const layer = Clients.layer.pipe(
  Layer.provide([
    Layer.mock(InstanceStore, { list: () => Effect.succeed([report]) }),
    Layer.mock(Propagation, {
      position: () => ({ epoch: "e", revision: 1n }),
      stale: () => false,
      head: () => undefined,
      matching: (_, pattern) => heads[pattern] ?? [],
      page: () => [],
      slices: function* () {}
    })
  ])
)

describe("Clients", () => {
  it.effect("shows for each key what is desired beside what was sent, applied or rejected and why", () =>
    Effect.gen(function* () {
      const clients = yield* Clients
      const [found] = yield* clients.list({ limit: 10 })
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
        ["shop.a", 4, 3, null, "3 too low", ""],
        ["shop.b", 1, 1, null, null, ""],
        ["shop.gone", null, 1, 1, null, ""],
        ["shop.new", 1, null, null, null, ""],
        ["shop.t", 1, null, null, null, "{{x}} is missing"]
      ])
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
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
})
