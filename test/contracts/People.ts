/** What every implementation of keys, audit and instances must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { AuditLog } from "../../src/access/AuditLog.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { type DeliveryRow, type InstanceNote, InstanceStore } from "../../src/sessions/InstanceStore.ts"
import { change, release } from "./Stores.ts"

type Services = ApiKeyStore | AuditLog | InstanceStore | ConfigurationStore | Leases
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

let names = 0
const fresh = (name: string) => `${name}-${++names}-${process.pid}`

const apiKey = (changed: Partial<ApiKey> = {}): ApiKey => ({
  id: fresh("key"),
  name: "deployer",
  hash: "0".repeat(64),
  role: "publisher",
  environments: ["production", "staging"],
  createdAt: 1_700_000_000_123,
  createdBy: "admin",
  expiresAt: null,
  revokedAt: null,
  ...changed
})

export const instance = (service: string, changed: Partial<InstanceNote> = {}): InstanceNote => ({
  environment: "production",
  service,
  instance: "i1",
  state: "connected",
  labels: { region: "eu" },
  patterns: ["svc", "svc.*"],
  connectedAt: 1_000,
  lastSeen: 1_000,
  ending: "",
  node: "n1",
  session: "r1/1",
  opening: true,
  ...changed
})

const delivery = (service: string, changed: Partial<DeliveryRow> = {}): DeliveryRow => ({
  environment: "production",
  service,
  instance: "i1",
  key: "svc",
  revision: 10n,
  version: 1,
  state: "sent",
  reason: "",
  sentAt: 5_000,
  answeredAt: 0,
  ...changed
})

export const peopleContract = (test: Test) => {
  test("API keys come back as they were, and are revoked once", () =>
    Effect.gen(function* () {
      const store = yield* ApiKeyStore
      const key = apiKey({ expiresAt: 1_900_000_000_000 })
      yield* store.create(key)

      assert.deepStrictEqual(yield* store.find(key.id), key)
      assert.deepStrictEqual(
        (yield* store.list).find(({ id }) => id === key.id),
        key
      )
      assert.isUndefined(yield* store.find("nobody"))
      assert.isTrue(yield* store.revoke(key.id, "admin"))
      assert.isFalse(yield* store.revoke(key.id, "admin"))
      assert.isFalse(yield* store.revoke("nobody", "admin"))
      assert.isNumber((yield* store.find(key.id))?.revokedAt)
    }))

  test("PB1 pages of the audit log are bounded in bytes, and go on", () =>
    Effect.gen(function* () {
      const [store, audit] = [yield* ConfigurationStore, yield* AuditLog]
      const [newest] = yield* audit.read({ limit: 1 })
      const changeLog = "\u{1f600}".repeat(1_000)
      const changes = Array.from({ length: 500 }, (_, n) => change(`${fresh("told")}.${n}`, "v", { changeLog }))
      yield* store.commit(release(changes))
      yield* store.commit(release(changes.map((one) => ({ ...one, value: "w" }))))

      const ids: Array<bigint> = []
      const pages: Array<number> = []
      for (let after = newest?.id ?? 0n, last = 0; pages.length === 0 || last > 0; ) {
        const page = yield* audit.read({ limit: 1_000, after })
        last = page.length
        ids.push(...page.map(({ id }) => id))
        pages.push(last)
        after = ids.at(-1) ?? after
      }
      assert.isBelow(Math.max(...pages), 600)
      assert.deepStrictEqual([ids.length, ids.at(-1)! - ids[0]!], [1_000, 999n])
      const downwards = yield* audit.read({ limit: 1_000, before: ids.at(-1)! + 1n })
      assert.strictEqual(downwards[0]?.id, ids.at(-1))
      assert.isBelow(downwards.length, 600)
    }))

  test("every change of a configuration and of a key is in the audit log, chained by hashes", () =>
    Effect.gen(function* () {
      const [store, keys, audit] = [yield* ConfigurationStore, yield* ApiKeyStore, yield* AuditLog]
      const [before] = yield* audit.read({ limit: 1 })
      const from = before?.id ?? 0n
      const key = apiKey()
      const name = fresh("audited")
      yield* keys.create(key)
      yield* store.commit(release([change(name, "1"), change(`${name}.b`, "1")], { action: "release" }))
      yield* keys.revoke(key.id, "admin")
      const entries = yield* audit.read({ limit: 100, after: from })

      assert.deepStrictEqual(
        entries.map(({ id }) => id),
        [1n, 2n, 3n, 4n].map((n) => from + n)
      )
      assert.deepStrictEqual(
        entries.map(({ action, configId, performedBy }) => [action, configId, performedBy]),
        [
          ["key.create", "", "admin"],
          ["release", `production/${name}`, "tester"],
          ["release", `production/${name}.b`, "tester"],
          ["key.revoke", "", "admin"]
        ]
      )
      assert.deepInclude(entries[1]!.details, { version: 1, message: "why" })
      assert.isFalse(JSON.stringify(entries, (_, v) => (typeof v === "bigint" ? String(v) : v)).includes(key.hash))
      assert.strictEqual(entries[2]!.prevHash, entries[1]!.hash)
      const verdict = yield* audit.verify
      assert.isUndefined(verdict.broken)
      assert.strictEqual(BigInt(verdict.entries), from + 4n)
      const newest = yield* audit.read({ limit: 2, environment: "production" })
      assert.deepStrictEqual(
        newest.map(({ configId }) => configId),
        [`production/${name}.b`, `production/${name}`]
      )
      assert.deepStrictEqual(yield* audit.read({ limit: 2, environment: "prod" }), [])
      assert.deepStrictEqual(
        (yield* audit.read({ limit: 2, before: from + 3n })).map(({ id }) => id),
        [from + 2n, from + 1n]
      )
    }))

  test("the report shows an instance with its newest delivery of every key", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const service = fresh("report")
      yield* store.write({
        instances: [instance(service), instance(service, { instance: "i2", environment: "staging" })],
        deliveries: [
          delivery(service),
          delivery(service, { revision: 11n, version: 2, state: "rejected", reason: "no", answeredAt: 6_000 }),
          delivery(service, { key: "svc.b", state: "applied", answeredAt: 7_000 })
        ],
        health: [
          {
            environment: "production",
            service,
            instance: "i1",
            revision: 11n,
            health: "degraded",
            message: "slow",
            metrics: { p99: 1.5 },
            reportedAt: 8_000
          }
        ]
      })
      const [one, ...rest] = yield* store.list({ service, environment: "production", limit: 10 })

      assert.deepStrictEqual(rest, [])
      const { opening, ...shown } = instance(service)
      assert.deepInclude(one, shown)
      assert.deepStrictEqual(
        one?.deliveries.map(({ key, revision, state, reason }) => [key, revision, state, reason]),
        [
          ["svc", 11n, "rejected", "no"],
          ["svc.b", 10n, "applied", ""]
        ]
      )
      assert.deepInclude(one?.health, { revision: 11n, health: "degraded", message: "slow", metrics: { p99: 1.5 } })
      assert.strictEqual((yield* store.list({ service, limit: 10 })).length, 2)
      assert.strictEqual((yield* store.list({ service, limit: 1 })).length, 1)
      assert.deepStrictEqual(yield* store.list({ service: "nobody", limit: 10 }), [])
    }))

  test("a later state is never overwritten by an older one, so a batch may be written twice", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const service = fresh("twice")
      const early = { instances: [instance(service)], deliveries: [delivery(service)], health: [] }
      const late = {
        instances: [instance(service, { lastSeen: 9_000, state: "disconnected", ending: "Closed" })],
        deliveries: [delivery(service, { state: "applied", sentAt: 0, answeredAt: 6_000 })],
        health: []
      }
      for (const batch of [early, late, early]) yield* store.write(batch)
      const [one] = yield* store.list({ service, limit: 10 })

      assert.deepInclude(one, { state: "disconnected", lastSeen: 9_000, ending: "Closed" })
      assert.deepInclude(one?.deliveries[0], { state: "applied", sentAt: 5_000, answeredAt: 6_000 })
      yield* store.write({
        ...late,
        deliveries: [delivery(service, { revision: 9n, state: "applied", answeredAt: 9_000 })]
      })
      assert.strictEqual((yield* store.list({ service, limit: 10 }))[0]?.deliveries[0]?.revision, 10n)
    }))
  const run = (name: string, timeoutMillis = 60_000) => ({ run: name, node: name, timeoutMillis })
  const noteOf = (service: string, session: string, changed: Partial<InstanceNote> = {}) =>
    instance(service, { session, node: session.split("/")[0]!, ...changed })
  const put = (...instances: ReadonlyArray<InstanceNote>) =>
    Effect.flatMap(InstanceStore, (store) => store.write({ instances, deliveries: [], health: [] }))
  const shown = (service: string) =>
    Effect.map(
      Effect.flatMap(InstanceStore, (store) => store.list({ service, limit: 1 })),
      ([row]) => [row?.state, row?.node]
    )
  const gone = { state: "disconnected", ending: "Closed", lastSeen: 90_000, opening: false } as const

  test("NO1 what a node says late of an instance that another node took is not kept, whatever the clocks say", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, a, b] = [fresh("moved"), fresh("a"), fresh("b")]
      yield* Effect.all([store.seen(run(a)), store.seen(run(b))])
      yield* put(noteOf(service, `${a}/1`, { connectedAt: 80_000, lastSeen: 80_000 }))
      yield* put(noteOf(service, `${b}/1`))
      assert.deepStrictEqual(yield* shown(service), ["connected", b])
      assert.deepStrictEqual((yield* store.seen(run(a))).taken, [`${a}/1`])
      assert.deepStrictEqual((yield* store.seen(run(b))).taken, [])

      yield* put(noteOf(service, `${a}/1`, { opening: false, lastSeen: 90_000 }))
      yield* put(noteOf(service, `${a}/1`, { lastSeen: 90_000 })) // a first note that was written twice
      yield* put(noteOf(service, `${a}/1`, gone))
      assert.deepStrictEqual(yield* shown(service), ["connected", b])
      yield* put(noteOf(service, `${b}/1`, gone))
      assert.deepStrictEqual(yield* shown(service), ["disconnected", b])
      yield* put(noteOf(service, `${a}/1`, { opening: false, lastSeen: 95_000 }))
      assert.deepStrictEqual(yield* shown(service), ["disconnected", b])
      yield* put(noteOf(service, `${a}/2`, { lastSeen: 10 }))
      assert.deepStrictEqual(yield* shown(service), ["connected", a])
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
      assert.deepStrictEqual(yield* shown(service), ["connected", dead])
      const marked = yield* Effect.sleep(short / 3).pipe(
        Effect.andThen(store.seen(run(alive, short))),
        Effect.andThen(judge),
        Effect.repeat({ until: (n) => n !== 0, times: 100 })
      )
      assert.isAtLeast(marked!, 1)
      assert.deepStrictEqual(yield* shown(service), ["timed_out", dead])

      assert.deepStrictEqual((yield* store.seen(run(dead, short))).doubted, [`${dead}/1`])
      yield* put(noteOf(service, `${dead}/1`, { opening: false }))
      assert.deepStrictEqual(yield* shown(service), ["connected", dead])
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
