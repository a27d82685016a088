/**
 * Tells how flags are used, and which are stale. Every method checks `CurrentIdentity` for the environment that it touches, and what this node
 * counted is written first: whoever evaluates a flag and looks then sees it.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { requirePermission } from "../access/Access.ts"
import { type KeyScope, scopeOf } from "../access/KeyScope.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { targetProblem } from "../keys/Target.ts"
import { Usage } from "../usage/Usage.ts"
import { UsageStore } from "../usage/UsageStore.ts"
import { ALL, type LastUse, type Use } from "../usage/Use.ts"
import { Slices } from "../work/Slices.ts"
import { FlagView } from "./FlagView.ts"
import { within } from "./Named.ts"
import { type Staleness, stalenessOf } from "./Stale.ts"

const PAGE = 1_000
const DAY = 86_400_000

export interface UsesPage {
  readonly uses: ReadonlyArray<LastUse>
  /** When all flags were given at once, last. */
  readonly allAt: number | undefined
  /** When counting began. */
  readonly since: number
  /** What to give as `after`. */
  readonly next: string | undefined
}

export interface StaleFlag {
  readonly flag: string
  readonly owner: string | undefined
  readonly last: LastUse | undefined
  readonly why: ReadonlyArray<Staleness>
}

export class FlagUses extends Context.Service<
  FlagUses,
  {
    /** When flags were used last, in the order of their names: those that ever were. Fails as the store. */
    readonly last: (
      environment: string,
      options: { readonly prefix: string; readonly after: string; readonly limit: number }
    ) => Effect.Effect<UsesPage, HeraldError>
    /** Counts of a flag by day, of the last `days`, at most 1,000. Fails `NotFound` for a flag that is not there and was not used. */
    readonly of: (
      environment: string,
      flag: string,
      days: number
    ) => Effect.Effect<
      { readonly last: LastUse | undefined; readonly since: number; readonly counts: ReadonlyArray<Use> },
      HeraldError
    >
    /** Of up to 1,000 flags behind `after` those that are stale. UF1, UF2 */
    readonly stale: (
      environment: string,
      options: { readonly days: number; readonly after: string }
    ) => Effect.Effect<{ readonly stale: ReadonlyArray<StaleFlag>; readonly next: string | undefined }, HeraldError>
  }
>()("herald/flags/FlagUses") {
  static readonly layer = Layer.effect(
    FlagUses,
    Effect.suspend(() => make())
  )
}

const make = Effect.fnUntraced(function* () {
  const store = yield* UsageStore
  const usage = yield* Usage
  const view = yield* FlagView
  const clock = yield* Clock.Clock
  const slices = new Slices()

  /** Of flags behind `after`, up to `until`. */
  const between = Effect.fnUntraced(function* (environment: string, after: string, until: string) {
    const found = new Map<string, LastUse>()
    for (let at = after; ; ) {
      const page = yield* store.last(environment, { prefix: "", after: at, limit: PAGE })
      for (const one of page) if (one.flag <= until) found.set(one.flag, one)
      const last = page.at(-1)
      if (page.length < PAGE || last === undefined || last.flag >= until) return found
      at = last.flag
    }
  })

  return FlagUses.of({
    last: Effect.fnUntraced(function* (environment, { prefix, after, limit }) {
      const scope = scopeOf(yield* requirePermission("config.read", environment, { kind: "flag" }), "flag")
      yield* usage.flush
      const most = Math.max(1, Math.min(PAGE, limit))
      const uses = yield* store.last(environment, { prefix, after, limit: most, scope })
      return {
        // Of an archived flag it is no news.
        uses: uses.filter(({ flag }) => view.find(environment, flag) !== undefined),
        allAt: (yield* store.lastOf(environment, ALL))?.givenAt,
        since: yield* store.since,
        next: uses.length < most ? undefined : uses.at(-1)?.flag
      }
    }),

    of: Effect.fnUntraced(function* (environment, flag, days) {
      yield* requirePermission("config.read", environment, { kind: "flag", key: flag })
      const problem = targetProblem(environment, flag)
      if (problem !== undefined) return yield* problem
      const last = yield* usage.lastOf(environment, flag)
      if (last === undefined && view.find(environment, flag) === undefined)
        return yield* failure("NotFound", `there is no flag ${flag} in ${environment}`)
      const from = clock.currentTimeMillisUnsafe() - (days - 1) * DAY
      return { last, since: yield* store.since, counts: yield* store.counts(environment, flag, { from, limit: PAGE }) }
    }),

    stale: Effect.fnUntraced(function* (environment, { days, after }) {
      const scope = scopeOf(yield* requirePermission("config.read", environment, { kind: "flag" }), "flag")
      yield* usage.flush
      const page = view.page(environment, { prefix: "", after, limit: PAGE, scope })
      const end = page.at(-1)
      if (end === undefined) return { stale: [], next: undefined }
      const last = yield* between(environment, after, end.key)
      const all = yield* store.lastOf(environment, ALL)
      const options = { days, now: clock.currentTimeMillisUnsafe(), since: yield* store.since }
      const stale: Array<StaleFlag> = []
      for (const { key, createdAt, updatedAt } of page) {
        if (slices.over()) yield* slices.turn
        const definition = view.flag(environment, key)?.definition
        if (definition === undefined) continue
        const neededBy = shown(scope, view.dependents(environment)?.of(key) ?? new Set<string>())
        const known = { key, definition, createdAt, updatedAt, last: last.get(key), all, neededBy }
        const why = stalenessOf(known, options)
        if (why.length > 0) stale.push({ flag: key, owner: definition.about.owner, last: last.get(key), why })
      }
      return { stale, next: page.length < PAGE ? undefined : end.key }
    })
  })
})

/** Those outside of the scope count, and have no names. */
const shown = (scope: KeyScope, keys: ReadonlySet<string>): ReadonlySet<string> => {
  const its = within(scope, keys)
  return its.length === keys.size ? keys : new Set([...its, "others"])
}
