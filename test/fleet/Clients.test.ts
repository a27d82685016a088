import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import type { Head } from "../../src/configuration/Configuration.ts"
import { client } from "../../src/edge/http/fleet/Wire.ts"
import { type Client, Clients, type ClientsPage } from "../../src/fleet/Clients.ts"
import type { Counted, InstanceReport, KeyFacts } from "../../src/fleet/Instance.ts"
import { InstanceStore, type ListOptions } from "../../src/fleet/InstanceStore.ts"
import type { Summary } from "../../src/fleet/Summary.ts"
import { matches } from "../../src/keys/Pattern.ts"
import type { Mark } from "../../src/updates/Update.ts"
import { UpdateSource } from "../../src/updates/UpdateSource.ts"
import { head as headOf } from "../support/Configuration.ts"
import { publish } from "../support/Release.ts"
import { below, configurations, propagation } from "../support/Twins.ts"

const head = (key: string, version: number, deleted = false) =>
  headOf(key, { version, revision: BigInt(version * 10), deleted })
const fact = (version: number, reason = "") => ({
  epoch: "e",
  version,
  revision: BigInt(version * 10),
  at: 100,
  reason
})
const facts = (key: string, known: Partial<KeyFacts>): KeyFacts => ({
  key,
  sent: undefined,
  applied: undefined,
  rejected: undefined,
  problem: undefined,
  ...known
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
  owner: "shop",
  keys: [
    facts("other", { sent: fact(9) }),
    facts("shop", { sent: fact(2), applied: fact(2) }),
    facts("shop.a", { sent: fact(3), applied: fact(2), rejected: fact(3, "too low") }),
    facts("shop.b", { sent: fact(1) }),
    facts("shop.gone", { sent: fact(1), applied: fact(1) }),
    facts("shop.t", { problem: fact(0, "{{x}} is missing") })
  ],
  troubled: 2,
  health: undefined
}
const heads = [
  head("shop", 2),
  head("shop.a", 4),
  head("shop.b", 1),
  head("shop.gone", 2, true),
  head("shop.never", 1, true),
  head("shop.new", 1),
  head("shop.t", 1)
]

const markOf = ({ key, version, revision, digest, deleted }: Head): Mark => ({
  kind: deleted ? "deleted" : "value",
  key,
  version,
  revision,
  epoch: "e",
  digest,
  traceparent: "",
  committedAt: 0,
  stale: false
})

/** Keys that were read. */
let read = 0
const layerOn = (
  list: InstanceStore["Service"]["list"],
  all: ReadonlyArray<Head> = heads,
  count: InstanceStore["Service"]["count"] = () => assert.fail("nothing is counted")
) => {
  const marks = new Map(all.map((one) => [one.key, markOf(one)]))
  return Clients.layer.pipe(
    Layer.provide([
      Layer.mock(InstanceStore, { list, count }),
      Layer.mock(UpdateSource, {
        target: () => undefined,
        known: () => undefined,
        mark: () => assert.fail("nothing is sent"),
        touched: () => [],
        remember: () => {},
        standing: (_, key) => marks.get(key),
        page: (_, pattern, after, limit) => {
          const covered = all.filter(({ key }) => matches(pattern, key) && key > after).slice(0, limit)
          read += covered.length
          return covered
        }
      })
    ])
  )
}
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
    "CL2 CL1 the keys of an instance come in pages, each at the cost of what it shows, and trouble comes first",
    () => {
      const name = (i: number) => `shop.k${String(i).padStart(5, "0")}`
      const many = Array.from({ length: 20_000 }, (_, i) => head(name(i), 1))
      const list: InstanceStore["Service"]["list"] = ({ keys, afterKey = "" }) => {
        const known = [...[2, 5, 3_000].map((i) => facts(name(i), { sent: fact(1), applied: fact(1) }))].concat(
          facts(name(15_000), { sent: fact(1), rejected: fact(1, "no") })
        )
        const rest = known.filter(({ key }) => key > afterKey)
        const troubled = rest.slice(keys).filter(({ rejected }) => rejected !== undefined)
        return Effect.succeed([{ ...report, keys: [...rest.slice(0, keys), ...troubled] }])
      }
      return Effect.gen(function* () {
        const clients = yield* Clients
        read = 0
        const [first] = (yield* clients.list({ limit: 1, keys: 10 })).clients
        const cost = read
        const [second] = (yield* clients.list({ limit: 1, keys: 10, afterKey: first!.nextKey })).clients
        const shown = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => name(from + i))

        assert.deepStrictEqual(
          first!.keys.map(({ key }) => key),
          [...shown(0, 10), name(15_000)]
        )
        assert.deepStrictEqual(
          first!.keys.filter(({ applied }) => applied !== undefined).map(({ key }) => key),
          [name(2), name(5)]
        )
        assert.deepStrictEqual(
          second!.keys.map(({ key }) => key),
          shown(10, 20)
        )
        assert.isAtMost(cost, 1_000)
        let [after, pages]: [string | undefined, number] = ["", 0]
        const all = new Set<string>()
        while (after !== undefined) {
          const [found]: ReadonlyArray<Client> = (yield* clients.list({ limit: 1, keys: 1_000, afterKey: after }))
            .clients
          for (const { key } of found!.keys) all.add(key)
          after = found!.nextKey
          pages++
        }
        assert.strictEqual(all.size, 20_000)
        assert.isAtMost(pages, 22)
      }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, many)))
    }
  )

  it.effect(
    "CL3 patterns that cover one another cost no more than one of them, and keys come once and in order",
    () => {
      const deep = (i: number) => "a.".repeat(i + 1)
      const keys = Array.from({ length: 3_000 }, (_, i) => `${deep(99)}k${String(i).padStart(5, "0")}`)
      const all = [head("a", 1), ...keys.map((key) => head(key, 1)), head("b.x", 1), head("b.y", 1)]
      const patterns = ["b.x", "b.*", "a", ...Array.from({ length: 100 }, (_, i) => `${deep(i)}*`), "b.y"]
      const list = () => Effect.succeed([{ ...report, patterns, keys: [] }])
      return Effect.gen(function* () {
        const clients = yield* Clients
        read = 0
        const [first] = (yield* clients.list({ limit: 1, keys: 1_000 })).clients
        const cost = read
        const [last] = (yield* clients.list({ limit: 1, keys: 1_000, afterKey: keys.at(-2) })).clients

        assert.deepStrictEqual(
          first!.keys.map(({ key }) => key),
          ["a", ...keys.slice(0, 999)]
        )
        assert.strictEqual(first!.nextKey, keys[998])
        assert.deepStrictEqual(
          last!.keys.map(({ key }) => key),
          [keys.at(-1), "b.x", "b.y"]
        )
        assert.isUndefined(last!.nextKey)
        assert.isAtMost(cost, 2_000)
      }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, all)))
    }
  )

  it.effect("CL3 many deleted keys end a page early, and the pages after it show what is left", () => {
    const name = (i: number) => `shop.k${String(i).padStart(5, "0")}`
    const all = Array.from({ length: 30_000 }, (_, i) => head(name(i), 1, i !== 29_999))
    const list = () => Effect.succeed([{ ...report, keys: [] }])
    return Effect.gen(function* () {
      const clients = yield* Clients
      let after: string | undefined = ""
      let most = 0
      const found: Array<string> = []
      while (after !== undefined) {
        read = 0
        const [page]: ReadonlyArray<Client> = (yield* clients.list({ limit: 1, afterKey: after })).clients
        most = Math.max(most, read)
        found.push(...page!.keys.map(({ key }) => key))
        after = page!.nextKey
      }

      assert.deepStrictEqual(found, [name(29_999)])
      assert.isAtMost(most, 10_500)
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, all)))
  })

  it.effect("CL4 lagging ones are looked for a bounded number at a time, and an empty page says where to go on", () => {
    const asked: Array<ListOptions> = []
    const many: InstanceStore["Service"]["list"] = (options) =>
      Effect.sync(() => {
        asked.push(options)
        const from = Number(options.after?.instance ?? -1) + 1
        return Array.from({ length: options.limit }, (_, at) => ({
          ...report,
          instance: String(from + at),
          patterns: ["shop"],
          keys: [facts("shop", { applied: fact(from + at === 2_500 ? 1 : 2) })]
        }))
      })
    return Effect.gen(function* () {
      const clients = yield* Clients
      const first = yield* clients.list({ limit: 1, lagging: true })
      assert.deepStrictEqual(first.clients, [])
      assert.strictEqual(first.next?.instance, "1999")
      assert.isTrue(asked.every(({ connected }) => connected === true))
      const second = yield* clients.list({ limit: 1, lagging: true, after: first.next })
      assert.deepStrictEqual(
        second.clients.map(({ instance }) => instance),
        ["2500"]
      )
      assert.isDefined(second.next)
    }).pipe(Effect.provide(layerOn(many)), Effect.provideService(CurrentIdentity, system))
  })

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

  it.effect("the summary is not for everybody", () =>
    Effect.gen(function* () {
      const clients = yield* Clients
      const subscriber = { name: "s", keyId: "k", role: "subscriber", environments: ["*"] } as const
      const refused = yield* Effect.flip(Effect.provideService(clients.summary({}), CurrentIdentity, subscriber))
      assert.strictEqual(refused.name, "Forbidden")
    }).pipe(Effect.provide(layer))
  )

  it.effect("CL1 a page ends when it is large, and the next goes on after its last instance", () => {
    const reason = "x".repeat(1_000)
    const all = Array.from({ length: 500 }, (_, i) => ({
      ...report,
      instance: `i${String(i).padStart(3, "0")}`,
      keys: Array.from({ length: 50 }, (_, n) => facts(`shop.k${n}`, { rejected: fact(1, reason) }))
    }))
    const list: InstanceStore["Service"]["list"] = ({ after, limit }) =>
      Effect.succeed(all.filter(({ instance }) => instance > (after?.instance ?? "")).slice(0, limit))
    return Effect.gen(function* () {
      const clients = yield* Clients
      const seen: Array<string> = []
      let largest = 0
      let next: ClientsPage["next"]
      do {
        const page: ClientsPage = yield* clients.list({ limit: 1_000, after: next })
        for (const { instance } of page.clients) seen.push(instance)
        largest = Math.max(largest, JSON.stringify(page.clients.map(client)).length)
        next = page.next
      } while (next !== undefined)

      assert.deepStrictEqual(
        seen,
        all.map(({ instance }) => instance)
      )
      assert.isAtMost(largest, 5 * 1024 * 1024)
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layerOn(list, [])))
  })

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
