/**
 * What environments say of their rollouts, as this node knows it.
 *
 *   PY3  Keys that are changed by a rollout only are changed by nothing else, at whatever door: each release is judged before it is committed, and
 *        committed only while what it was judged by is still what the environment says. Breaking the glass is kept with the release.
 */
import { Context, Effect, Layer, Result } from "effect"
import { type Judge, Rules } from "../commits/Rules.ts"
import type { Configuration } from "../configuration/Configuration.ts"
import { ConfigurationView } from "../configuration/ConfigurationView.ts"
import type { Basis } from "../configuration/Wish.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { nameOf } from "../keys/Name.ts"
import { nothing, POLICY_KEY, type Policy, readPolicy, requiredFor } from "./Policy.ts"

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
    /** Fails `DatabaseUnavailable` or `Timeout` where it is not at hand. */
    readonly of: (environment: string) => Effect.Effect<Said, HeraldError>
  }
>()("herald/rollouts/Policies") {
  static readonly layer = Layer.effect(
    Policies,
    Effect.gen(function* () {
      const view = yield* ConfigurationView
      const read = new WeakMap<Configuration, Said>()
      return Policies.of({
        of: (environment) =>
          view.head(environment, POLICY_KEY) === undefined
            ? Effect.succeed(silent)
            : Effect.map(view.value(environment, POLICY_KEY), (found) => {
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
const saidBy = ({ value, version, digest }: Configuration): Said => {
  const json = Result.try((): unknown => JSON.parse(value))
  return { policy: Result.isSuccess(json) ? readPolicy(json.success).policy : nothing, version, digest }
}

const nounOf = (kind: string): string => (kind === "flag" ? "the flag " : "")

/** PY3 */
const judging = Effect.map(
  Policies,
  ({ of }): Judge =>
    Effect.fnUntraced(function* ({ changes, breakGlass }, basis) {
      // A rollout's transitions are what is required.
      if (changes.some(({ kind }) => kind === "rollout")) return basis
      const judged: Array<Basis["values"][number]> = []
      for (const environment of new Set(changes.map((change) => change.environment))) {
        const { policy, digest } = yield* of(environment)
        if (policy.required.length === 0) continue
        judged.push({ environment, key: POLICY_KEY, digest })
        if (breakGlass !== undefined) continue
        for (const { kind, key, environment: its } of changes) {
          if (its !== environment || (kind !== "configuration" && kind !== "flag")) continue
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
      if (judged.length === 0) return basis
      const { values = [], templates = [] } = (basis ?? {}) as Partial<Basis>
      return { values: [...values, ...judged], templates } satisfies Basis
    })
)

/** For all use cases that commit. */
export const rules = Layer.effect(Rules, judging)
