/**
 * Whatever nodes tell of instances, in whatever order, memory makes of it what PostgreSQL does: 12 walks, or as many as ROUNDS says; SEED is the first.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { conditions } from "../../src/rollouts/Evidence.ts"
import { EvidenceStore, type Sighting } from "../../src/rollouts/EvidenceStore.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { numbers } from "../support/Chance.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { moveWish, rolled } from "../support/RolloutWishes.ts"
import { alive, changed, instances, leave, read, started, write } from "../support/Sightings.ts"
import { kinds } from "../support/Twins.ts"

const ROUNDS = Number(process.env["ROUNDS"] ?? 12)
const SEED = Number(process.env["SEED"] ?? 1)
const STEPS = 40

/** Steps, each with what a store said after it: the same of every store. */
const walk = (seed: number) =>
  Effect.gen(function* () {
    const any = numbers(seed)
    const of = <A>(list: ReadonlyArray<A>): A => list[any(list.length)]!
    const store = yield* EvidenceStore
    const rollouts = [yield* started, yield* started] as const
    const runs = ["a", "b", "unknown"].map((name) => `${name}-${seed}`)
    const names = ["i1", "i2", "i3"].map((name) => `${name}-${seed}`)
    for (const run of runs.slice(0, 2)) yield* alive(run)
    const session = () => `${of(runs)}/${1 + any(3)}`

    const sighting = (): Sighting => {
      const { environment, key } = of(rollouts)
      const number = any(7)
      return {
        ...{ environment, rollout: key, service: "svc", instance: of(names), stage: any(3), session: session() },
        ...{ since: 1_000 * any(3), number, news: number === 0 ? 0 : 1 + any(number), is: of(conditions) },
        ...{ said: any(3) === 0, broke: any(4) === 0 ? 1 : 0, reason: of(["", "no", "it hurts"]) }
      }
    }
    /** As what was told before, but for what a session says of itself. */
    const similar = (one: Sighting): Sighting => {
      const { number, news, is, said, stage, broke, reason } = sighting()
      const again = any(2) === 0 ? {} : { is, said, stage, broke, reason }
      return { ...one, ...again, number: of([one.number, one.number + 1, number]), news: of([one.news, news]) }
    }
    let before: ReadonlyArray<Sighting> = [sighting()]
    const step = Effect.gen(function* () {
      const what = any(20)
      if (what === 0) return yield* Effect.as(leave(of(runs)), "leave")
      if (what < 4) {
        const [instance, its, opening] = [of(names), session(), any(4) > 0]
        yield* instances([instance, { service: "svc", instance, session: its, opening }])
        return ["instance", instance, its, opening]
      }
      const told = Array.from({ length: 1 + any(4) }, () => (any(2) === 0 ? sighting() : similar(of(before))))
      if (what < 17) before = told
      const early = yield* write(of(runs), before)
      return [before.map(({ rollout: _, ...one }) => one), [...new Set(early)].sort()]
    })
    const known = (rollout: Rollout) =>
      Effect.gen(function* () {
        const { environment, key } = rollout
        const evidence = yield* read(rollout, { crashes: 2, slow: [60_000] })
        const { now: _, examples, ...rest } = evidence!
        const bad = examples.map(({ instance, is, reason }) => `${instance} ${is} ${reason}`).sort()
        const rows = yield* store.instances(environment, key, { limit: 100, after: undefined, is: undefined })
        return { ...rest, examples: bad, rows: rows.map(({ at: _, rollout: __, ...row }) => row) }
      })

    const log: Array<unknown> = []
    let writes: ReadonlyArray<bigint | undefined> = []
    for (let n = 0; n < STEPS; n++) {
      const did = yield* step
      const now = yield* Effect.forEach(rollouts, changed)
      log.push({ did, isNews: now.map((one, at) => one !== writes[at]), known: yield* Effect.forEach(rollouts, known) })
      writes = now
    }
    for (const rollout of rollouts) yield* rolled([moveWish(rollout, "aborted")])
    return log
  })

describe("evidence in memory and in PostgreSQL", () => {
  let database: Database
  const twins = ManagedRuntime.make(Memory.layer)
  const real = ManagedRuntime.make(
    Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
  )
  beforeAll(async () => {
    database = await startDatabase()
  })
  afterAll(async () => {
    await twins.dispose()
    await real.dispose()
    await database[Symbol.asyncDispose]()
  })

  it("EE1 EE2 EE5 EE7 what is told in any order makes the same of every instance", async () => {
    for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
      const expected = await twins.runPromise(walk(seed))
      const found = await real.runPromise(walk(seed))
      for (const [n, line] of expected.entries()) assert.deepStrictEqual(found[n], line, `seed ${seed}, step ${n}`)
    }
  }, 3_600_000)
})
