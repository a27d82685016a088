/**
 * Use cases on how people are put into buckets; a part of Flags.
 *
 *   WB5  Who evaluates by itself, and puts people into other buckets than this environment says, is named to whoever looks or changes that.
 */
import { Effect, Result } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { Bucketing } from "../evaluation/Fractional.ts"
import type { Json } from "../evaluation/Json.ts"
import type { Context } from "../evaluation/Resolution.ts"
import { environmentProblem } from "../keys/Target.ts"
import { Usage } from "../usage/Usage.ts"
import { Slices } from "../work/Slices.ts"
import { defaults, readFlagSettings, SETTINGS_KEY } from "./FlagSettings.ts"
import { FlagSettingsView } from "./FlagSettingsView.ts"
import { FlagView } from "./FlagView.ts"
import {
  bucketsIn,
  EVALUATIONS,
  givenBy,
  MOVED,
  type Moved,
  type Moving,
  madeUpBy,
  peopleFor,
  ruleIn,
  WORK
} from "./Moving.ts"
import { aboutKept } from "./Reading.ts"

/** A program that evaluates by itself. */
export interface Evaluating {
  /** As it says in its `user-agent`. */
  readonly sdk: string
  /** Streams on this node. */
  readonly streams: number
  /** By what is known of such programs; undefined: nothing is. */
  readonly bucketing: Bucketing | undefined
}

/** What flagd's providers do, by the gRPC library of their language. Python's does so since its core 2.0.0. */
const known: Readonly<Record<string, Bucketing>> = {
  "grpc-node-js": "v2",
  "grpc-node": "v2",
  "grpc-go": "v2",
  "grpc-java-netty": "v2",
  "grpc-java": "v2",
  "grpc-python": "v3",
  "grpc-python-asyncio": "v3"
}

/** Flags of one page. */
const PAGE = 500

export const makeBucketing = Effect.gen(function* () {
  const view = yield* FlagView
  const settings = yield* FlagSettingsView
  const usage = yield* Usage
  const slices = new Slices()

  const permit = Effect.fnUntraced(function* (permission: "config.read" | "config.write", environment: string) {
    yield* requirePermission(permission, environment, aboutKept(permission, "flag_settings", SETTINGS_KEY)) // FU6
    const problem = environmentProblem(environment)
    if (problem !== undefined) return yield* problem
  })

  /** Operators with buckets, by the flags that have them. */
  const bucketed = Effect.fnUntraced(function* (environment: string) {
    const found = new Map<string, ReadonlyArray<Json>>()
    const how = view.how(environment)
    for (let after = ""; how !== undefined; ) {
      const page = view.page(environment, { prefix: "", after, limit: PAGE })
      for (const { key } of page) {
        if (slices.over()) yield* slices.turn
        const definition = view.flag(environment, key)?.definition
        const rule = definition?.enabled === true ? ruleIn(definition, how.ruleOf) : undefined
        const buckets = rule === undefined ? [] : bucketsIn(rule)
        if (buckets.length > 0) found.set(key, buckets)
      }
      if (page.length < PAGE) break
      after = page.at(-1)!.key
    }
    return found
  })

  return {
    moving: Effect.fn("Flags.moving")(function* (
      environment: string,
      definition: string,
      people: ReadonlyArray<Context> | undefined
    ) {
      yield* permit("config.write", environment)
      const { bucketing: to } = Result.getOrElse(readFlagSettings(definition), () => defaults)
      const from = settings.said(environment).bucketing
      const flags = yield* bucketed(environment)
      const how = view.how(environment)
      const things = people === undefined ? [...flags.values()].reduce((sum, its) => sum + its.length, 0) : flags.size
      const each = peopleFor(things, people?.length)
      const asked = people?.slice(0, each)
      const moved: Array<Moved> = []
      let left = EVALUATIONS
      let spent = 0
      for (const [flag, all] of flags) {
        const definition = view.flag(environment, flag)?.definition
        if (how === undefined || definition === undefined) continue
        const ask =
          asked === undefined
            ? all.map((buckets) => madeUpBy(flag, buckets, from, to, how))
            : [givenBy(flag, definition, asked, from, to, how)]
        let most = 0
        for (const moves of ask) {
          let count = 0
          for (let n = 0; n < each && spent < WORK && moves !== undefined; n++) {
            if (slices.over()) yield* slices.turn
            const began = performance.now()
            if (moves(n)) count++
            spent += performance.now() - began
          }
          most = Math.max(most, count)
        }
        left -= each * ask.length
        if (left < 0 || spent >= WORK) break // WB4
        moved.push({ flag, people: each, moved: most })
      }
      return {
        from,
        to,
        flags: flags.size,
        counted: moved.length,
        madeUp: people === undefined,
        moved: moved
          .filter((one) => one.moved > 0)
          .sort((a, b) => b.moved - a.moved)
          .slice(0, MOVED),
        asked: moved.length * each,
        wouldMove: moved.reduce((sum, one) => sum + one.moved, 0)
      } satisfies Moving
    }),

    // WB5
    buckets: Effect.fnUntraced(function* (environment: string) {
      yield* permit("config.read", environment)
      const streams = new Map<string, number>()
      for (const [{ sdk }, count] of usage.following(environment)) streams.set(sdk, (streams.get(sdk) ?? 0) + count)
      return {
        version: settings.find(environment)?.version ?? 0,
        bucketing: settings.said(environment).bucketing,
        evaluating: Array.from(
          streams,
          ([sdk, count]): Evaluating => ({ sdk, streams: count, bucketing: known[sdk.toLowerCase()] })
        )
      }
    })
  }
})

/** Names of programs that put people into other buckets. WB5 */
export const disagreeing = (bucketing: Bucketing, evaluating: ReadonlyArray<Evaluating>): ReadonlyArray<string> =>
  evaluating.filter((one) => one.bucketing !== undefined && one.bucketing !== bucketing).map(({ sdk }) => sdk)
