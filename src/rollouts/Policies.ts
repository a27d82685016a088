/**
 * What environments say of their rollouts, as this node knows it.
 *
 *   PY3  Keys that are changed by a rollout only are changed by nothing else, at whatever door: each release is judged before it is committed, and
 *        committed only while what it was judged by is still what the environment says. Breaking the glass is kept with the release.
 *   PY6  What an environment says of its rollouts is about all of its keys, and for whoever may change all of them.
 *   PY4  What is changed by force ends the rollout that has it, in the same commit.
 */
import { Clock, Context, Effect, Layer, Result } from "effect"
import { explained, refusalOf } from "../access/Refusal.ts"
import type { Wish } from "../commits/Release.ts"
import { type Judge, Rules } from "../commits/Rules.ts"
import type { Configuration } from "../configuration/Configuration.ts"
import { ConfigurationStore } from "../configuration/ConfigurationStore.ts"
import { ConfigurationView } from "../configuration/ConfigurationView.ts"
import type { Basis, ConfigurationWish } from "../configuration/Wish.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Problem } from "../evaluation/Definition.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import { nameOf } from "../keys/Name.ts"
import { bindingOf, nothing, POLICY_KEY, type Policy, policyProblem, readPolicy, requiredFor } from "../plans/Policy.ts"
import { isNew, type ScheduleWish } from "../schedules/Schedule.ts"
import type { Target } from "./Rollout.ts"
import { RolloutStore } from "./RolloutStore.ts"
import type { MoveWish } from "./Wish.ts"

export interface Said {
  readonly policy: Policy
  /** 0: it says nothing. */
  readonly version: number
  /** Of its text; "" where there is none. */
  readonly digest: string
}

const silent: Said = { policy: nothing, version: 0, digest: "" }

export class Policies extends Context.Service<
  Policies,
  {
    /** `fresh`: as the store has it, not as this node knows it. Fails `DatabaseUnavailable` or `Timeout` where it is not at hand. */
    readonly of: (environment: string, fresh?: boolean) => Effect.Effect<Said, HeraldError>
  }
>()("herald/rollouts/Policies") {
  static readonly layer = Layer.effect(
    Policies,
    Effect.gen(function* () {
      const view = yield* ConfigurationView
      const store = yield* ConfigurationStore
      const read = new WeakMap<Configuration, Said>()
      return Policies.of({
        of: (environment, fresh = false) =>
          !fresh && view.head(environment, POLICY_KEY) === undefined
            ? Effect.succeed(silent)
            : Effect.map((fresh ? store.current : view.value)(environment, POLICY_KEY), (found) => {
                if (found === undefined || found.deleted) return silent
                let said = read.get(found)
                if (said === undefined) read.set(found, (said = saidBy(found)))
                return said
              })
      })
    })
  )
}

/** PY1 */
const problemsIn = (value: string, type: string): ReadonlyArray<Problem> => {
  if (type !== "json") return [{ at: "", problem: `has to have the type json, not ${type}` }]
  const json = Result.try((): unknown => JSON.parse(value))
  return Result.isSuccess(json) ? readPolicy(json.success).problems : [{ at: "", problem: "is no JSON" }]
}

/** PY1 */
const policyIn = (text: string): Policy => {
  const json = Result.try((): unknown => JSON.parse(text))
  return Result.isSuccess(json) ? readPolicy(json.success).policy : nothing
}

const saidBy = ({ value, version, digest }: Configuration): Said => ({ policy: policyIn(value), version, digest })

/** Keys and flags that a change is of; of a schedule what it is to change at its time. */
const touchedBy = (change: Wish): ReadonlyArray<Pick<Target, "kind" | "key">> => {
  const { kind } = change
  if (kind === "schedule") {
    const wish = change as ScheduleWish
    return isNew(wish) ? wish.touches.flatMap((touch) => named(touch.kind, touch.key)) : []
  }
  return named(kind, change.key)
}

const named = (kind: string, key: string): ReadonlyArray<Pick<Target, "kind" | "key">> =>
  kind === "configuration" || kind === "flag" ? [{ kind, key }] : []

const nounOf = (kind: string): string => (kind === "flag" ? "the flag " : "")

/** PY3 */
const judging = Effect.gen(function* () {
  const { of } = yield* Policies
  const store = yield* RolloutStore

  /** What ends the rollouts that a release of this environment changes the keys of. */
  const ending = Effect.fnUntraced(function* (
    environment: string,
    names: ReadonlyArray<Pick<Target, "kind" | "key">>,
    actor: string
  ) {
    const found = new Map<string, MoveWish>()
    for (const touching of names) {
      const [active] = yield* store.list(environment, { limit: 1, before: undefined, state: "active", touching })
      if (active === undefined || found.has(active.key)) continue
      found.set(active.key, {
        kind: "rollout",
        op: "move",
        environment,
        key: active.key,
        expectedVersion: active.version,
        fence: null,
        to: "aborted",
        stage: active.stage,
        below: null,
        lasts: null,
        due: false,
        bad: null,
        why: { text: `${actor} changed ${touching.key} by force`, readings: [] }
      })
    }
    return [...found.values()]
  })

  const judge: Judge = Effect.fnUntraced(function* (release, basis, again) {
    const { changes, breakGlass, force, identity } = release
    for (const change of changes) {
      if (change.kind !== "configuration" || change.key !== POLICY_KEY) continue
      const { value, valueType } = change as ConfigurationWish
      const { environment } = change
      const now = yield* Clock.currentTimeMillis
      const some = refusalOf(identity, { permission: "config.write", environment }, now)
      if (some !== undefined)
        return yield* explained(`what rollouts of ${environment} go by is for whoever may change every key of it`, some) // PY6
      const problems = value === null ? [] : problemsIn(value, valueType)
      if (problems.length > 0) return yield* policyProblem(environment, problems)
      const [before, after] = [(yield* of(environment, true)).policy, value === null ? nothing : policyIn(value)]
      const refused = refusalOf(identity, { permission: "keys.manage", environment }, now)
      if (bindingOf(before) !== bindingOf(after) && refused !== undefined)
        return yield* explained(
          `which keys of ${environment} ask for a plan, and what that plan says, is for an admin to change`,
          refused
        ) // PY5
    }
    // A rollout's transitions are what is required.
    if (changes.some(({ kind }) => kind === "rollout")) return { basis, besides: [] }
    const judged: Array<Basis["values"][number]> = []
    const besides: Array<MoveWish> = []
    for (const environment of new Set(changes.map((change) => change.environment))) {
      const here = changes.filter((change) => change.environment === environment).flatMap(touchedBy)
      if (force) besides.push(...(yield* ending(environment, here, identity.name)))
      const { policy, digest } = yield* of(environment, again)
      if (policy.required.length === 0) continue
      judged.push({ environment, key: POLICY_KEY, digest })
      if (breakGlass !== undefined) continue
      for (const { kind, key } of here) {
        // What has no cohort can't be rolled out.
        if (kind === "configuration" && (key === POLICY_KEY || key === VARIABLES_KEY)) continue
        const rule = requiredFor(policy, kind === "configuration" ? key : nameOf(kind, key))
        if (rule === undefined) continue
        const { plan } = rule
        return yield* failure(
          "PlanRequired",
          `${nounOf(kind)}${key} in ${environment} is changed by a rollout only${plan === undefined ? "" : `, of the plan ${plan}`}`,
          { details: { kind, key, environment, keys: rule.keys, ...(plan === undefined ? {} : { plan }) } }
        )
      }
    }
    if (judged.length === 0) return { basis, besides }
    const { values = [], templates = [] } = (basis ?? {}) as Partial<Basis>
    return { basis: { values: [...values, ...judged], templates } satisfies Basis, besides }
  })
  return judge
})

/** For all use cases that commit. */
export const rules = Layer.effect(Rules, judging)
