/** What the leases of subscriptions wait for in PostgreSQL, where others have what they touch. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { flush, letter, make } from "./SubscriptionWishes.ts"

describe("leases of subscriptions in PostgreSQL", () => {
  let [database, other]: [Database, Session] = [undefined!, undefined!]
  const stores = Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
  const runtime = ManagedRuntime.make(stores)

  beforeAll(async () => {
    database = await startDatabase()
    other = await connect(database.url)
  })
  afterAll(async () => {
    await other[Symbol.asyncDispose]()
    await runtime.dispose()
    await database[Symbol.asyncDispose]()
  })

  const does = (statement: string) => Effect.promise(() => other.query(statement))
  /** So many wait for a lock. */
  const waiting = (count: number) =>
    Effect.promise(() =>
      waitUntil(`${count} waiting`, async () => {
        const [row] = await other.query("select count(*)::int as n from pg_locks where not granted")
        return row!["n"] === count
      })
    )
  /** Held up for as long as that takes: by a connection without a time-out. */
  const claiming = (run: string, shares: ReadonlyArray<{ readonly id: string; readonly share: number }>) =>
    Effect.acquireRelease(
      Effect.promise(() => connect(database.url)),
      (session) => Effect.promise(() => session[Symbol.asyncDispose]())
    ).pipe(
      Effect.flatMap((session) => {
        const wanted = JSON.stringify(shares.map(({ id, share }) => [id, share]))
        return Effect.promise(() => session.query(`select herald_cursors_claim('${run}', '${wanted}', '60 s')`))
      }),
      Effect.scoped,
      Effect.forkChild
    )
  /** Another has done these statements, and is not at its end yet. */
  const beside = <A, E, R>(statements: ReadonlyArray<string>, body: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      yield* does("begin")
      for (const statement of statements) yield* does(statement)
      return yield* body
    }).pipe(Effect.ensuring(does("rollback")))
  const attending = (id: string) => ({ id, consumers: 1, lives: [] })

  it("SN6 who attends waits for no claim that is held up, neither its own nor another's, and has its lease", () =>
    runtime.runPromise(
      Effect.gen(function* () {
        const cursors = yield* CursorStore
        const [one, two] = [yield* make("shared"), yield* make("shared")]
        const shares = [one, two].map(({ id }) => ({ id, share: 0 }))
        const both = [attending(one.id), attending(two.id)]
        yield* cursors.attend("a", both, 60_000)
        yield* cursors.claim("a", [shares[0]!], 60_000)
        yield* cursors.attend("a", both, 1)
        yield* beside(
          [`delete from subscriptions where id = ${two.id}`],
          Effect.gen(function* () {
            const its = yield* claiming("b", shares)
            yield* waiting(1)
            yield* cursors.attend("a", both, 60_000) // of a lease that was over
            const own = yield* claiming("a", shares)
            yield* waiting(2)
            yield* cursors.attend("a", [], 60_000)
            const [standing] = yield* cursors.attend("a", both, 60_000)
            assert.deepStrictEqual(standing!.nodes, [{ run: "a", consumers: 1, lives: [] }])
            yield* does("commit")
            yield* Fiber.join(its)
            yield* Fiber.join(own)
            const [last] = yield* cursors.attend("a", both, 60_000)
            assert.strictEqual(last!.shares![0]!.run, "a")
          })
        )
      })
    ))

  it("SN6 who attends waits for no share that others have, and does what is left of it the next time", () =>
    runtime.runPromise(
      Effect.gen(function* () {
        const cursors = yield* CursorStore
        const [one, two] = [yield* make("shared"), yield* make("shared")]
        yield* cursors.attend("a", [attending(two.id)], 60_000)
        const share = ({ id }: { readonly id: string }) => ({ id, share: 0 })
        yield* cursors.claim("a", [share(one), share(two)], 60_000)
        const locked = `select from subscription_shares where run = 'a' and subscription_id in (${one.id}, ${two.id}) for update`
        yield* beside([locked], cursors.attend("a", [attending(one.id)], 60_000))
        const untils = does(
          `select until = 'infinity' as its from subscription_shares where run = 'a' and subscription_id in (${one.id}, ${two.id}) order by subscription_id`
        )
        assert.deepStrictEqual(yield* untils, [{ its: false }, { its: true }])
        yield* cursors.attend("a", [attending(one.id)], 60_000)
        assert.deepStrictEqual(yield* untils, [{ its: true }, { its: false }])
      })
    ))

  it("SN4 of who comes back and who takes what it had one is first, and the other knows it", () =>
    runtime.runPromise(
      Effect.gen(function* () {
        const cursors = yield* CursorStore
        const { id } = yield* make("shared")
        const [share, attended] = [{ id, share: 0 }, `[[${id}, 1, [], false, ""]]`]
        /** It has the share, and its lease is over. */
        const lapsed = Effect.gen(function* () {
          yield* cursors.attend("a", [attending(id)], 60_000)
          const [claimed] = yield* cursors.claim("a", [share], 60_000)
          yield* cursors.attend("a", [attending(id)], 1)
          yield* Effect.sleep("10 millis")
          return claimed!
        })
        const mine = yield* lapsed
        yield* beside(
          [`select herald_subscriptions_attend('a', '${attended}', '60 s', false, 100)`],
          Effect.gen(function* () {
            assert.isEmpty(yield* cursors.claim("b", [share], 60_000), "it is about to go on")
            yield* does("commit")
          })
        )
        const theirs = yield* cursors.attend("b", [attending(id)], 60_000)
        assert.deepInclude(theirs[0]!.shares![0], { run: "a", token: mine.token })
        const again = yield* lapsed
        yield* beside(
          [`select herald_cursors_claim('b', '[[${id}, 0]]', '60 s')`],
          Effect.gen(function* () {
            const back = yield* Effect.forkChild(cursors.attend("a", [attending(id)], 60_000))
            yield* waiting(1)
            yield* does("commit")
            const [standing] = yield* Fiber.join(back)
            assert.strictEqual(standing!.shares![0]!.run, "b")
            assert.isTrue(standing!.shares![0]!.token > again.token)
          })
        )
        assert.deepStrictEqual((yield* cursors.flush([flush(again)])).lost, [0])
      })
    ))

  it("SN6 who writes waits for nothing that others have, and writes what is left the next time", () =>
    runtime.runPromise(
      Effect.gen(function* () {
        const [store, cursors] = [yield* SubscriptionStore, yield* CursorStore]
        const [one, two] = [yield* make("shared"), yield* make("shared")]
        const claimed = yield* cursors.claim(
          "a",
          [one, two].flatMap(({ id }) => [0, 1].map((share) => ({ id, share }))),
          60_000
        )
        const flushes = (version: number, offset: number) =>
          claimed.map((its) => flush(its, { version, letters: [letter({ offset })] }))
        const kept = Effect.fnUntraced(function* ({ id }: { readonly id: string }) {
          const letters = yield* store.deadLetters(id, { limit: 9, after: 0, maxBytes: 1_000_000 })
          return [(yield* store.progress(id))[0]!.floor, letters.length]
        })
        const locks = [
          `select from subscription_cursors where subscription_id = ${one.id} and slice_from > 0 for update`,
          `select from subscriptions where id = ${one.id} for update`
        ]
        for (const [n, lock] of locks.entries()) {
          const written = yield* beside([lock], cursors.flush(flushes(n + 1, n)))
          assert.deepStrictEqual(written, { lost: [], full: [], locked: [one.id] }, lock)
          assert.deepStrictEqual(
            [yield* kept(one), yield* kept(two)],
            [
              [10, 0],
              [20, n + 1]
            ]
          )
        }
        assert.deepStrictEqual(yield* cursors.flush(flushes(3, 0)), { lost: [], full: [], locked: [] })
        assert.deepStrictEqual(yield* kept(one), [20, 1])
      })
    ))

  it("SN3 a dead letter is written, and its subscription deleted, where both come at once", () =>
    runtime.runPromise(
      Effect.gen(function* () {
        const [store, cursors] = [yield* SubscriptionStore, yield* CursorStore]
        const { id, topicName } = yield* make("shared")
        const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 60_000)
        const [written, gone] = yield* beside(
          [`select from subscription_cursors where subscription_id = ${id} for update`],
          Effect.gen(function* () {
            const removing = yield* Effect.forkChild(store.remove(topicName, "s"))
            yield* waiting(1)
            const written = yield* cursors.flush([flush(claimed!, { letters: [letter()] })])
            yield* does("commit")
            return [written, yield* Fiber.join(removing)] as const
          })
        )
        assert.deepStrictEqual([written, gone], [{ lost: [], full: [], locked: [id] }, true])
      })
    ))
})
