/** What every store must do with quotas of environments: of a real PostgreSQL, by its short way of publishing and by its whole one, and in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Wish } from "../../src/commits/Release.ts"
import { IdListStore } from "../../src/flags/IdListStore.ts"
import { Quotas, type QuotasOf } from "../../src/limits/Quotas.ts"
import { Totals } from "../../src/limits/Totals.ts"
import { bytesOf } from "../../src/values/Value.ts"
import { numbers } from "../support/Chance.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { kinds } from "../support/Twins.ts"
import { flag } from "./FlagStores.ts"
import { segment } from "./SegmentStores.ts"

type Services = Commits | IdListStore | Totals
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const quotas: QuotasOf = {
  keys: 1_000,
  bytes: 1_000_000,
  of: new Map([
    ["few", { keys: 3 }],
    ["small", { bytes: 200 }],
    ["none", { keys: 0, bytes: 0 }],
    ["other", { keys: 1 }]
  ])
}

/** `once`: with an idempotency key, which PostgreSQL commits by the whole way. */
const commit = (changes: ReadonlyArray<Wish>, once?: string) =>
  Effect.flatMap(Commits, (commits) =>
    commits.commit({
      ...release(changes as never),
      ...(once === undefined ? {} : { idempotency: { key: once, digest: once } })
    })
  )
const refusal = (changes: ReadonlyArray<Wish>, once?: string) =>
  Effect.map(Effect.flip(commit(changes, once)), ({ name, details }) => ({ name, ...details }))
const held = (environment: string) =>
  Effect.flatMap(Totals, ({ read }) =>
    Effect.map(read(environment), ([found]) => [found?.keys ?? 0, found?.bytes ?? 0])
  )
const full = (environment: string, quota: string, used: number, adds: number, limit: number) => ({
  ...{ name: "EnvironmentFull" as const, environment, quota, used, adds, limit }
})

const contract = (test: Test) => {
  test("EQ1 a key more than its quota is refused at each way, whatever its kind, and what makes no more is not", () =>
    Effect.gen(function* () {
      const environment = "few"
      const one = (key: string, value: string | null = "v") => change(key, value, { environment })
      yield* commit([one("a")])
      yield* commit([flag("f", ["on"], { environment })])
      yield* commit([segment("s", [], { environment })])
      const [, bytes] = yield* held(environment)
      const said = full(environment, "keys", 3, 1, 3)
      assert.deepStrictEqual(yield* refusal([one("b")]), said)
      assert.deepStrictEqual(yield* refusal([one("b")], "few-1"), said)
      assert.deepStrictEqual(yield* refusal([flag("g", ["on"], { environment })]), said)
      assert.deepStrictEqual(yield* refusal([segment("t", [], { environment })]), said)
      assert.deepStrictEqual(yield* refusal([one("a", null), one("b"), one("c")]), said)
      assert.deepStrictEqual(yield* held(environment), [3, bytes])
      yield* commit([one("a", "longer")])
      yield* commit([one("a", null), one("b")])
      yield* commit([flag("f", null, { environment })])
      yield* commit([one("a", "again"), one("b", "b")])
      assert.deepStrictEqual(yield* refusal([one("c")]), said)
      yield* commit([segment("s", null, { environment }), one("c")])
      assert.deepStrictEqual(yield* held(environment), [3, 7])
    }))

  test("EQ1 more bytes than its quota are refused: of values, schemas, definitions and lists of ids, as they are written", () =>
    Effect.gen(function* () {
      const environment = "small"
      const lists = yield* IdListStore
      const one = (key: string, value: string | null, schema: unknown = null) =>
        change(key, value, { environment, schema })
      yield* commit([one("a", "ä".repeat(20)), one("b", "")])
      assert.deepStrictEqual(yield* held(environment), [2, 40])
      yield* commit([one("b", "1", { type: ["integer", "null"], title: 'a: "b", c', not: {}, enum: [] })])
      const schema = bytesOf('{"not": {}, "enum": [], "type": ["integer", "null"], "title": "a: \\"b\\", c"}')
      const used = 41 + schema
      assert.deepStrictEqual(yield* held(environment), [2, used])
      const left = 200 - used
      assert.deepStrictEqual(
        yield* refusal([one("c", "x".repeat(left + 1))]),
        full(environment, "bytes", used, left + 1, 200)
      )
      assert.deepStrictEqual(yield* refusal([one("b", "x".repeat(left + schema - 6), { a: 1 })], "small-1"), {
        ...full(environment, "bytes", used, left + 1, 200)
      })
      yield* commit([one("b", null), one("a", null)])
      const ids = ["ann", "bob"].map((id) => `${id}${"x".repeat(120)}`).join("\n")
      yield* lists.putPieces([{ digest: "piece-of-quotas", ids }])
      yield* lists.putList({ digest: "list-of-quotas", count: 2, bytes: ids.length, pieces: ["piece-of-quotas"] })
      const definition = JSON.stringify({ ids: { count: 2 } })
      const listing = segment("s", [], { environment, list: "list-of-quotas", definition, bytes: definition.length })
      const adds = bytesOf(listing.definition!) + ids.length
      assert.deepStrictEqual(yield* refusal([listing]), full(environment, "bytes", 0, adds, 200))
      yield* commit([{ ...listing, environment: "roomy" }])
      assert.deepStrictEqual(yield* held("roomy"), [1, adds])
      yield* commit([segment("s", [], { environment: "roomy", definition: "{}", bytes: 2 })])
      assert.deepStrictEqual(yield* held("roomy"), [1, 2])
    }))

  test("EQ1 a release is refused whole, also where only one of its environments is full", () =>
    Effect.gen(function* () {
      const roomy = yield* held("roomy")
      const wishes = [change("x", "v", { environment: "roomy" }), change("x", "v", { environment: "none" })]
      assert.deepInclude(yield* refusal(wishes), full("none", "keys", 0, 1, 0))
      assert.deepStrictEqual(yield* held("roomy"), roomy)
      assert.deepStrictEqual(yield* held("none"), [0, 0])
    }))

  test("EQ3 a rollback has a tenth more room, and counts", () =>
    Effect.gen(function* () {
      const environment = "small"
      const much = [change("back", "x".repeat(20), { environment })]
      const [keys, before] = yield* held(environment)
      const room = 200 - before! - 5
      yield* commit([change("filler", "x".repeat(room), { environment })])
      assert.strictEqual((yield* refusal(much)).name, "EnvironmentFull")
      const back = (once?: string) =>
        Effect.flatMap(Commits, (commits) =>
          commits.commit({
            ...release(much as never, { action: "rollback" }),
            ...(once === undefined ? {} : { idempotency: { key: once, digest: once } })
          })
        )
      yield* back()
      assert.deepStrictEqual(yield* held(environment), [keys! + 2, before! + room + 20])
      yield* commit([change("back", "", { environment })])
      yield* back("back-again")
      const more = [change("back", "x".repeat(40), { environment })]
      const over = yield* Effect.flatMap(Commits, ({ commit }) =>
        Effect.flip(commit(release(more as never, { action: "rollback" })))
      )
      assert.strictEqual(over.name, "EnvironmentFull")
      assert.deepStrictEqual(yield* held(environment), [keys! + 2, before! + room + 20])
      yield* commit([change("back", null, { environment }), change("filler", null, { environment })])
    }))

  test("EQ1 of many that come at once, as many are committed as there is room for", () =>
    Effect.gen(function* () {
      const environment = "other"
      const all = yield* Effect.forEach(
        Array.from({ length: 24 }, (_, n) => n),
        (n) => Effect.exit(commit([change(`k${n}`, "v", { environment })], n % 3 === 0 ? `other-${n}` : undefined)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(all.filter(({ _tag }) => _tag === "Success").length, 1)
      assert.deepStrictEqual(yield* held(environment), [1, 1])
    }))
}

describe("in memory", () => {
  const layer = Memory.layer.pipe(Layer.provide(Layer.succeed(Quotas, quotas)))
  contract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(layer))))
})

describe("PostgreSQL", () => {
  let database: Database
  const runtime = ManagedRuntime.make(
    Layer.unwrap(
      Effect.sync(() =>
        Postgres.layer(clientOptions(database.url)).pipe(Layer.provide([kinds, Layer.succeed(Quotas, quotas)]))
      )
    )
  )
  beforeAll(async () => {
    database = await startDatabase()
  })
  afterAll(async () => {
    await runtime.dispose()
    await database[Symbol.asyncDispose]()
  })
  contract((name, body) => it(name, ({ signal }) => runtime.runPromise(Effect.suspend(body), { signal })))

  it("EQ2 what is counted is what is there, whatever was committed together", async () => {
    const any = numbers(16)
    const environment = () => ["one", "two"][any(2)]!
    const wish = (): Wish => {
      const [where, key] = [environment(), `k${any(6)}`]
      switch (any(6)) {
        case 0:
          return flag(key, any(3) === 0 ? null : ["on", "off"].slice(any(2)), { environment: where })
        case 1:
          return segment(key, any(3) === 0 ? null : [], { environment: where })
        default: {
          const schema = any(3) === 0 ? { type: "string", maxLength: any(1_000) } : null
          return change(key, any(4) === 0 ? null : "é".repeat(any(9)), { environment: where, schema })
        }
      }
    }
    const releases = Array.from({ length: 400 }, (_, n) => {
      const wishes = Array.from({ length: 1 + (any(3) === 0 ? any(12) : 0) }, wish)
      const once = new Map(wishes.map((one) => [`${one.kind}/${one.environment}/${one.key}`, one]))
      return Effect.exit(commit([...once.values()], any(4) === 0 ? `mixed-${n}` : undefined))
    })
    const done = await runtime.runPromise(Effect.all(releases, { concurrency: 40 }))
    assert.isAbove(done.filter(({ _tag }) => _tag === "Success").length, 100)
    await using session = await connect(database.url)
    const counted = await session.query(`select e.environment, t.keys::int, t.bytes::int
      from (values ('one'), ('two')) e(environment), herald_sum(e.environment) t order by 1`)
    const there = await session.query(`select environment, count(*)::int as keys, sum(bytes)::int as bytes from (
        select environment, octet_length(value) + coalesce(octet_length(schema_definition::text), 0) as bytes from configurations where not deleted
        union all select environment, bytes from feature_flags where not deleted
        union all select environment, bytes from flag_segments where not deleted) w
      where environment in ('one', 'two') group by 1 order by 1`)
    assert.deepStrictEqual(counted, there)
  })

  it("EQ1 each release of a batch is asked for room, also behind one with templates", async () => {
    await using session = await connect(database.url)
    const templates = { values: [], templates: ["x"] }
    const terms = { quotas: { keys: 3, bytes: 1_000_000, of: { wide: { keys: 1_000 } } } }
    const of = (environment: string, key: string) => ({
      ...{
        action: "release",
        actor: "a",
        keyId: "k",
        message: "",
        commitId: `${environment}-${key}`,
        notAfter: 9e15,
        traceparent: ""
      },
      changes: [
        {
          ...{ kind: "configuration", environment, key, value: "v", valueType: "string", schema: null, strict: false },
          ...{ template: false, digest: "d", changeLog: "", expectedVersion: null, kept: null }
        }
      ],
      basis: templates
    })
    const all = [
      of("wide", "a"),
      of("batch", "a"),
      of("batch", "b"),
      of("batch", "c"),
      of("batch", "d"),
      of("batch", "e")
    ]
    const [row] = await session.query(
      `select herald_commit('${JSON.stringify(all)}'::jsonb, null, jsonb_build_object('clock', pg_postmaster_start_time()::text, 'wait', 1000)
        || '${JSON.stringify(terms)}'::jsonb) as done`
    )
    const done = (typeof row!["done"] === "string" ? JSON.parse(row!["done"]) : row!["done"]) as Array<{
      ok: boolean
      name?: string
    }>
    assert.deepStrictEqual(
      done.map(({ ok, name }) => (ok ? "ok" : name)),
      ["ok", "ok", "ok", "ok", "EnvironmentFull", "EnvironmentFull"]
    )
  })

  it("EQ2 what others wrote is counted in a sweep, and of all sums the newest stays", async () => {
    await using session = await connect(database.url)
    const one = change("seen", "1234", { environment: "swept" })
    for (let i = 0; i < 10; i++) await runtime.runPromise(commit([{ ...one, value: "12345".slice(i % 2) }] as never))
    // As a server of before does, whose call waited while the migration had the lock.
    await session.query(`insert into configurations select 'unseen', environment, version, revision, repeat('x', 100), value_type, deleted,
      schema_definition, "strict", template, digest, created_at, updated_at, updated_by, change_log from configurations where environment = 'swept'`)
    assert.deepStrictEqual(await runtime.runPromise(held("swept")), [1, 4])
    const many = async () =>
      (await session.query("select count(*)::int as n from environment_sums where environment = 'swept'"))[0]!["n"]
    assert.isAbove((await many()) as number, 5)
    const environments = await session.query("select distinct environment from environment_sums")
    for (const _ of environments) await session.query("select herald_recount_due()")
    assert.deepStrictEqual(await runtime.runPromise(held("swept")), [2, 104])
    await session.query("select herald_sweep_sums(10000)")
    assert.strictEqual(await many(), 1)
    assert.deepStrictEqual(await runtime.runPromise(held("swept")), [2, 104])
    await runtime.runPromise(commit([change("unseen", null, { environment: "swept" })]))
    assert.deepStrictEqual(await runtime.runPromise(held("swept")), [1, 4])
  })

  it("EQ2 what is counted is found as soon while an old snapshot stays", async () => {
    await using old = await connect(database.url)
    await using session = await connect(database.url)
    await old.query("begin isolation level repeatable read")
    await old.query("select count(*) from configurations")
    for (let i = 0; i < 400; i++)
      await runtime.runPromise(commit([change("hot", "x".repeat(1 + (i % 7)), { environment: "hot" })]))
    const plan = await session.query("explain (analyze, buffers, timing off) select * from herald_sum('hot')")
    const hits = Number(/shared hit=(\d+)/.exec(JSON.stringify(plan))![1])
    assert.isAtMost(hits, 20)
    await old.query("rollback")
  })
})
