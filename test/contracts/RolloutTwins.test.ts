/** Whatever is asked of rollouts and of their keys, in whatever order, memory answers as PostgreSQL does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { FlagStore } from "../../src/flags/FlagStore.ts"
import { isOver, type Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import type { CandidateWish, MoveWish } from "../../src/rollouts/Wish.ts"
import { numbers } from "../support/Chance.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { change } from "../support/Release.ts"
import { candidateOf, commit, moveWish, plan, promoted, startWish } from "../support/RolloutWishes.ts"
import { kinds } from "../support/Twins.ts"
import { flag } from "./FlagStores.ts"

const STEPS = 60
const to = ["scheduled", "deploying", "baking", "paused", "completed", "rolled_back", "aborted"] as const

/** Times are of two clocks, and what a plan says is not looked at. */
const plain = ({ at: _, startedAt: __, until, plan: ___, why: ____, begun, ...rollout }: Rollout) => ({
  ...rollout,
  until: until !== null,
  begun: begun.map(({ revision, below }) => ({ revision, below }))
})

/** What came of a walk, step by step: the same in every store that begins empty. */
const walk = (seed: number) =>
  Effect.gen(function* () {
    const [rollouts, configurations, flags] = [yield* RolloutStore, yield* ConfigurationStore, yield* FlagStore]
    const any = numbers(seed)
    const of = <A>(list: ReadonlyArray<A>): A => list[any(list.length)]!
    const environment = `seed-${seed}`
    const config = (key: string, value: string | null) => change(key, value, { environment })
    const names = { configuration: ["a", "b", "c"], flag: ["f", "g"] }
    const made: Array<{ readonly rollout: Rollout; readonly candidates: ReadonlyArray<CandidateWish> }> = []
    const log: Array<unknown> = []

    const plainChange = (n: number) =>
      any(3) > 0
        ? {
            ...config(of(names.configuration), any(6) === 0 ? null : `v${n}`),
            ...(any(3) === 0 ? { expectedVersion: any(4) } : {}),
            ...(any(15) === 0 ? { candidate: any(4) } : {})
          }
        : flag(of(names.flag), any(6) === 0 ? null : [`v${n}`], { environment })
    const candidates = (n: number) => {
      const all = [
        ...names.configuration.map((key) => candidateOf(config(key, `c${n}`))),
        ...names.flag.map((key) => candidateOf(flag(key, [`c${n}`], { environment })))
      ].filter(() => any(3) === 0)
      return all.map((one): CandidateWish => {
        if (one.kind === "flag" && any(4) === 0) return { ...one, wish: "", digest: "" }
        return any(4) === 0 ? { ...one, base: any(3) } : one
      })
    }
    const moved = (n: number): ReadonlyArray<object> => {
      const one = made.length === 0 ? undefined : of(made)
      if (one === undefined) return [plainChange(n)]
      const { rollout, candidates } = one
      const begins = any(2) === 0
      const becomes = of(to)
      const wish: Partial<MoveWish> = {
        ...(begins ? { stage: rollout.stage + 1, below: any(1_000) } : {}),
        ...(any(6) === 0 ? { expectedVersion: any(5) } : {}),
        ...(any(6) === 0 ? { due: true } : {}),
        ...(any(8) === 0 ? { bad: BigInt(any(2)) } : {}),
        ...(any(3) === 0 ? { lasts: 600_000 } : {})
      }
      const own = candidates.filter(({ wish }) => wish !== "").map((candidate) => promoted(candidate, rollout))
      return [
        moveWish(rollout, begins && any(3) > 0 ? "deploying" : becomes, wish),
        ...(becomes === "completed" && any(5) > 0 ? own : []),
        ...(any(5) === 0 ? [plainChange(n)] : [])
      ]
    }

    for (let n = 0; n < STEPS; n++) {
      const wished = any(5) === 0 ? candidates(n) : undefined
      const changes =
        wished !== undefined
          ? [startWish(wished, { environment, plan: plan() }), ...(any(5) === 0 ? [plainChange(n)] : [])]
          : any(5) < 2
            ? moved(n)
            : [plainChange(n), ...(any(4) === 0 ? [plainChange(n)] : [])]
      // Two changes of one thing are refused before they come here.
      const ids = changes.map((one) => `${(one as Rollout).kind}/${(one as Rollout).key}`)
      if (new Set(ids).size < ids.length) continue
      const answer = yield* Effect.result(commit(changes))
      if (answer._tag === "Failure") {
        log.push([n, answer.failure.name, answer.failure.message.replace(/\d{4}-\S+Z/, "now")])
        continue
      }
      for (const one of answer.success.revision.changes) {
        const versioned = one as unknown as { readonly version: number; readonly deleted?: boolean }
        if (one.kind !== "rollout") {
          log.push([n, one.kind, one.key, versioned.version, versioned.deleted])
          continue
        }
        const rollout = one as Rollout
        log.push([n, plain(rollout)])
        const place = made.findIndex((known) => known.rollout.key === rollout.key)
        if (place >= 0) made[place] = { ...made[place]!, rollout }
        else made.push({ rollout, candidates: wished! })
      }
    }

    const all = { limit: 1_000, before: undefined }
    const shown = (
      found: ReadonlyArray<{ readonly version: number; readonly digest: string; readonly rollout?: object }>
    ) => found.map(({ version, digest, rollout }) => ({ version, digest, rollout }))
    for (const key of names.configuration) {
      log.push([key, shown(yield* configurations.history(environment, key, all))])
      log.push([key, (yield* configurations.current(environment, key))?.version])
    }
    for (const key of names.flag) log.push([key, shown(yield* flags.history(environment, key, all))])
    for (const { rollout } of made) {
      log.push((yield* rollouts.history(environment, rollout.key, { limit: 1_000, after: 0 })).map(plain))
      log.push((yield* rollouts.claim(environment, rollout.key)) !== undefined)
    }
    const present = yield* rollouts.present(0n, 1_000)
    log.push(present.filter((one) => one.environment === environment).map(plain))
    return { log, ended: made.filter(({ rollout }) => isOver(rollout.state)).length }
  })

describe("rollouts in memory and in PostgreSQL", () => {
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

  it("RQ1 RQ3 RQ4 what is asked in any order has one answer", async () => {
    let ended = 0
    for (let seed = 1; seed <= 25; seed++) {
      const expected = await twins.runPromise(walk(seed))
      const found = await real.runPromise(walk(seed))
      for (const [n, line] of expected.log.entries()) assert.deepStrictEqual(found.log[n], line, `seed ${seed}`)
      assert.strictEqual(found.log.length, expected.log.length)
      ended += expected.ended
    }
    assert.isAbove(ended, 20)
  })
})
