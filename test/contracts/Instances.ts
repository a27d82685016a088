/** What every implementation of InstanceStore must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Unkeepable } from "../../src/errors/Unkeepable.ts"
import type { Counted, DeliveryRow, InstanceNote } from "../../src/fleet/Instance.ts"
import { type CountOptions, InstanceStore, type ListOptions } from "../../src/fleet/InstanceStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { delivery, instance } from "../support/Instance.ts"
import {
  applied,
  at,
  fresh,
  gone,
  list,
  noteOf,
  problem,
  put,
  rejected,
  run,
  stateOf,
  type Test,
  write
} from "./InstanceNotes.ts"

export const instancesContract = (test: Test) => {
  for (const [what, changed] of [
    ["a text that can't be kept", { key: "svc.a\0b" }],
    ["a number that can't be kept", { revision: 2n ** 64n }]
  ] as const)
    test(`BL5 a batch with ${what} is refused as such, and nothing of it is kept`, () =>
      Effect.gen(function* () {
        const service = fresh("refused")
        const refused = yield* Effect.flip(
          write({ instances: [instance(service)], deliveries: [delivery(service), delivery(service, changed)] })
        )

        assert.instanceOf(refused, Unkeepable)
        assert.deepStrictEqual(yield* list({ service }), [])
      }))

  test("the report shows an instance with what is known of every key", () =>
    Effect.gen(function* () {
      const service = fresh("report")
      yield* write({
        instances: [instance(service), instance(service, { instance: "i2", environment: "staging" })],
        deliveries: [
          delivery(service),
          delivery(service, { ...at(2), state: "rejected", reason: "no", answeredAt: 6_000 }),
          delivery(service, { key: "svc.b", state: "applied", answeredAt: 7_000 })
        ],
        health: [
          {
            environment: "production",
            service,
            instance: "i1",
            epoch: "e",
            revision: 11n,
            health: "degraded",
            message: "slow",
            metrics: { p99: 1.5 },
            owner: "",
            reportedAt: 8_000
          }
        ]
      })
      const [one, ...rest] = yield* list({ service, environment: "production" })

      assert.deepStrictEqual(rest, [])
      const { opening, empty, ...known } = instance(service)
      assert.deepInclude(one, known)
      const fact = (version: number, told: number, reason = "") => ({ epoch: "e", ...at(version), at: told, reason })
      assert.deepStrictEqual(one?.keys, [
        {
          key: "svc",
          sent: fact(2, 5_000),
          applied: undefined,
          rejected: fact(2, 6_000, "no"),
          problem: undefined
        },
        { key: "svc.b", sent: fact(1, 5_000), applied: fact(1, 7_000), rejected: undefined, problem: undefined }
      ])
      assert.strictEqual(one?.troubled, 1)
      assert.deepInclude(one?.health, {
        epoch: "e",
        revision: 11n,
        health: "degraded",
        message: "slow",
        metrics: { p99: 1.5 }
      })
      assert.strictEqual((yield* list({ service })).length, 2)
      assert.strictEqual((yield* list({ service, limit: 1 })).length, 1)
      assert.deepStrictEqual(yield* list({ service: "nobody" }), [])
    }))

  test("CL1 a page of instances, and of the keys of one, goes on where the one before ended; those with trouble come with the first", () =>
    Effect.gen(function* () {
      const service = fresh("pages")
      const ids = ["a", "b", "c"].map((name) => ({ environment: "production", service, instance: name }))
      const keys = Array.from({ length: 9 }, (_, i) => `svc.${i}`)
      yield* write({
        instances: ids.map((id) => instance(service, id)),
        deliveries: keys.map((key) => delivery(service, { ...ids[0]!, key, ...(key === "svc.7" ? rejected : applied) }))
      })
      const page = (options: Partial<ListOptions>) =>
        Effect.map(list({ service, ...options }), (rows) =>
          rows.map((row) => [row.instance, row.keys.map(({ key }) => key.slice(4)).join(""), row.troubled])
        )

      assert.deepStrictEqual(yield* page({ limit: 2, keys: 3 }), [
        ["a", "0127", 1],
        ["b", "", 0]
      ])
      assert.deepStrictEqual(yield* page({ after: { ...ids[1]!, connected: true } }), [["c", "", 0]])
      assert.deepStrictEqual(yield* page({ instance: "a", keys: 3, afterKey: "svc.2" }), [["a", "3457", 1]])
      assert.deepStrictEqual(yield* page({ instance: "a", keys: 3, afterKey: "svc.7" }), [["a", "8", 1]])
    }))

  test("CL4 only those that are asked for: connected ones, those in trouble, those that subscribe to a key, with nothing but it", () =>
    Effect.gen(function* () {
      const service = fresh("asked")
      const of = (name: string) => ({ environment: "production", service, instance: name })
      yield* write({
        instances: [
          instance(service, { ...of("a"), patterns: ["svc.*"] }),
          instance(service, { ...of("b"), patterns: ["other"] }),
          instance(service, {
            ...of("c"),
            patterns: ["svc.x"],
            state: "disconnected",
            ending: "Closed",
            session: "r1/2"
          })
        ],
        deliveries: [
          delivery(service, { ...of("a"), ...applied, key: "svc.x" }),
          delivery(service, { ...of("a"), ...rejected, key: "svc.y" }),
          delivery(service, { ...of("b"), ...applied, key: "other" })
        ]
      })
      const asked = (options: Partial<ListOptions>) =>
        Effect.map(list({ service, ...options }), (rows) =>
          rows.map((row) => `${row.instance} ${row.keys.map(({ key }) => key).join(",")} ${row.troubled}`)
        )

      assert.deepStrictEqual(yield* asked({ connected: true }), ["a svc.x,svc.y 1", "b other 0"])
      assert.deepStrictEqual(yield* asked({ connected: false }), ["c  0"])
      assert.deepStrictEqual(yield* asked({ troubled: true }), ["a svc.x,svc.y 1"])
      assert.deepStrictEqual(yield* asked({ key: "svc.x" }), ["a svc.x 0", "c  0"])
      assert.deepStrictEqual(yield* asked({ key: "svc.y", connected: true }), ["a svc.y 1"])
      assert.deepStrictEqual(yield* asked({ key: "svc.y", troubled: true }), ["a svc.y 1"])
      assert.deepStrictEqual(yield* asked({ key: "svc.x", troubled: true }), [])
      const seen = (
        kinds: ReadonlyArray<string>,
        keys: { names: Array<string>; prefixes: Array<string> } | undefined
      ) => asked({ instance: "a", scope: { kinds, keys } })
      assert.deepStrictEqual(yield* seen([""], undefined), ["a svc.x,svc.y 1"])
      assert.deepStrictEqual(yield* seen([""], { names: ["svc.x"], prefixes: ["sv."] }), ["a svc.x 0"])
      assert.deepStrictEqual(yield* seen([""], { names: [], prefixes: ["svc.y"] }), ["a svc.y 1"])
      assert.deepStrictEqual(yield* seen(["flag"], undefined), ["a  0"])
      assert.deepStrictEqual(yield* asked({ troubled: true, scope: { kinds: ["flag"], keys: undefined } }), [])
      assert.deepStrictEqual(yield* asked({ key: "svc" }), [])
      assert.deepStrictEqual(yield* asked({ connected: false, after: { ...of("b"), connected: true } }), ["c  0"])
    }))

  test("a node is known by its signs of life, with the clients that are connected to it", () =>
    Effect.gen(function* () {
      const service = fresh("nodes")
      const store = yield* InstanceStore
      const run = fresh("run")
      yield* store.seen({ run, node: "node-a", timeoutMillis: 60_000 })
      const of = (name: string) => ({ environment: "production", service, instance: name, session: `${run}/${name}` })
      yield* write({
        instances: [
          instance(service, of("1")),
          instance(service, of("2")),
          instance(service, { ...of("3"), state: "disconnected", ending: "Closed" })
        ]
      })
      const mine = (yield* store.nodes).find((one) => one.run === run)
      assert.deepInclude(mine, { node: "node-a", clients: 2 })
      assert.isAtMost(mine?.since ?? Number.NaN, mine?.seenAt ?? Number.NaN)
    }))

  test("SU1 clients are counted by what the report shows of them, a page after the other", () =>
    Effect.gen(function* () {
      const service = fresh("counted")
      const names = ["a", "b", "c", "d", "e"]
      const of = (name: string) => ({ environment: "production", service, instance: name, session: `r1/${name}` })
      const note = (name: string, changed: Partial<InstanceNote> = {}) => instance(service, { ...of(name), ...changed })
      const say = (name: string, changed: Partial<DeliveryRow>) => delivery(service, { ...of(name), ...changed })
      yield* write({
        instances: names.map((name) => note(name, name === "e" ? { state: "disconnected", ending: "Closed" } : {})),
        deliveries: [
          say("a", applied),
          say("b", applied),
          say("b", { ...rejected, ...at(2) }),
          say("c", { ...problem, key: "svc.x" }),
          say("d", { ...applied, ...at(2) }),
          say("d", { ...rejected, ...at(2), answeredAt: 7_000 }),
          say("d", { ...applied, key: "svc.x" })
        ]
      })
      const counted = (options: Partial<CountOptions>) =>
        Effect.flatMap(InstanceStore, (store) => store.count({ service, limit: 100, ...options }))
      const one = yield* counted({})

      const where = { environment: "production", service }
      assert.deepStrictEqual(one.services, [{ ...where, connected: 4, away: 1 }])
      assert.deepStrictEqual(one.patterns, [{ ...where, patterns: ["svc", "svc.*"], clients: 4 }])
      assert.strictEqual(one.next, undefined)
      const told = (found: Counted) =>
        found.keys
          .map(({ key, applied, rejected, problem, clients }) =>
            [
              `${clients} ${key}`,
              applied === undefined ? "" : ` has ${applied.version}`,
              rejected === undefined ? "" : ` refused ${rejected.version}`,
              problem === undefined ? "" : " stuck"
            ].join("")
          )
          .sort()
      assert.deepStrictEqual(told(one), [
        "1 svc has 1",
        "1 svc has 1 refused 2",
        "1 svc refused 2",
        "1 svc.x has 1",
        "1 svc.x stuck"
      ])
      assert.deepStrictEqual(told(yield* counted({ key: "svc.x" })), ["1 svc.x has 1", "1 svc.x stuck"])
      assert.deepStrictEqual((yield* counted({ key: "other" })).services, [])

      const pages: Array<Counted> = []
      for (let after: Counted["next"] | "first" = "first"; after !== undefined; after = pages.at(-1)!.next)
        pages.push(yield* counted({ limit: 2, ...(after === "first" ? {} : { after }) }))
      assert.strictEqual(
        pages.flatMap((page) => page.services).reduce((sum, { connected }) => sum + connected, 0),
        4
      )
      assert.deepStrictEqual(pages.flatMap(told).sort(), told(one))
    }))

  test("HR1 the newest that an instance says is known, however many revisions it named before and after", () =>
    Effect.gen(function* () {
      const service = fresh("health")
      const report = (revision: bigint, reportedAt: number) => ({
        ...{ environment: "production", service, instance: "i1", epoch: "", metrics: {}, owner: "" },
        ...{ revision, health: "healthy" as const, message: `${revision}`, reportedAt }
      })
      yield* write({ instances: [instance(service)] })
      yield* write({ health: Array.from({ length: 150 }, (_, n) => report(BigInt(n + 10), n)) })
      yield* write({ health: [report(1n, 1_000)] })
      yield* write({ health: [report(200n, 999)] })
      const [row] = yield* list({ service })
      assert.deepInclude(row?.health, { revision: 1n, message: "1" })
    }))

  test("NO2 NO3 the instances of a node that died are lost, and only a node that was there all the time says so", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, dead, alive] = [fresh("lost"), fresh("dead"), fresh("alive")]
      const short = 300
      yield* Effect.all([store.seen(run(dead, short)), put(noteOf(service, `${dead}/1`))])
      yield* Effect.sleep(2 * short)
      yield* store.seen(run(alive, short)) // it has only just come
      const leases = yield* Leases
      const judge = Effect.flatMap(leases.claim("lost-nodes", alive, 60_000), (lease) =>
        store.lose(lease!, 60_000, short)
      )
      assert.strictEqual(yield* judge, 0)
      assert.deepStrictEqual(yield* stateOf(service), ["connected", dead])
      const marked = yield* Effect.sleep(short / 3).pipe(
        Effect.andThen(store.seen(run(alive, short))),
        Effect.andThen(judge),
        Effect.repeat({ until: (n) => n !== 0, times: 100 })
      )
      assert.isAtLeast(marked!, 1)
      assert.deepStrictEqual(yield* stateOf(service), ["timed_out", dead])

      assert.deepStrictEqual((yield* store.seen(run(dead, short))).doubted, [`${dead}/1`])
      yield* put(noteOf(service, `${dead}/1`, { opening: false }))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", dead])
    }))

  test("NO4 the connected clients of other runs are known, with what they want", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, a, b] = [fresh("elsewhere"), fresh("a"), fresh("b")]
      const environment = fresh("env")
      yield* put(
        noteOf(service, `${a}/1`, { environment }),
        noteOf(service, `${b}/1`, { environment, instance: "i2" }),
        noteOf(service, `${b}/2`, { environment, instance: "i3", ...gone, opening: true })
      )
      const found = yield* store.elsewhere({ environment, run: a, limit: 10 })

      assert.deepStrictEqual(found, [
        { client: { environment, service, instance: "i2", labels: { region: "eu" } }, patterns: ["svc", "svc.*"] }
      ])
    }))
}
