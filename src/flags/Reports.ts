/** Takes what applications report of the flags that they evaluate, and of what their users did: src/usage/Report.ts says what counts. */
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { requirePermission } from "../access/Access.ts"
import { KeyHash } from "../access/KeyHash.ts"
import { inKeyScope, scopeOf } from "../access/KeyScope.ts"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import { checked, type Refused, type Said } from "../usage/Report.ts"
import { Usage } from "../usage/Usage.ts"
import { FlagView } from "./FlagView.ts"

export interface Reported {
  /** The batch had been counted before. */
  readonly replayed: boolean
  readonly accepted: number
  readonly refused: ReadonlyArray<Refused>
  readonly refusedCount: number
  readonly overLimit: number
}

export class Reports extends Context.Service<
  Reports,
  {
    /**
     * Requires subscribe. Answered when it is durable; the same batch again counts once. Fails `InvalidInput` for a batch that can't be taken as
     * a whole, `Forbidden`, `Busy`, `DatabaseUnavailable`, `DatabaseReadOnly`, `Timeout`: then nothing of it counts.
     */
    readonly report: (said: Said) => Effect.Effect<Reported, HeraldError>
  }
>()("herald/flags/Reports") {
  static readonly layer = (options: { readonly pepper: Redacted.Redacted | string }) =>
    Layer.effect(Reports, make(options))
}

const make = Effect.fnUntraced(function* ({ pepper }: { readonly pepper: Redacted.Redacted | string }) {
  const usage = yield* Usage
  const view = yield* FlagView
  const { hash } = yield* KeyHash
  const clock = yield* Clock.Clock
  const secret = typeof pepper === "string" ? pepper : Redacted.value(pepper)

  return Reports.of({
    report: Effect.fnUntraced(function* (said: Said) {
      const { environment } = said
      const identity = yield* requirePermission("subscribe", environment, { kind: "flag" })
      const scope = scopeOf(identity, "flag")
      // UG6
      if (view.all(environment).byKey.size === 0)
        return yield* failure("InvalidInput", `there are no flags in ${environment}, so nothing can be reported there`)
      const found = checked(said, {
        now: clock.currentTimeMillisUnsafe(),
        principal: identity.name,
        // What it may not see is not there.
        hasVariant: (flag, variant) =>
          inKeyScope(scope, flag) ? view.flag(environment, flag)?.definition.variants.has(variant) : undefined,
        // One and the same person is another in another environment, and its hash is none of an API key. UR2
        hashOf: (unit) => hash(secret, `unit\u0000${environment}\u0000${unit}`).slice(0, 32)
      })
      if (found instanceof HeraldError) return yield* found
      const { replayed, overLimit } = yield* usage.report(found.batch)
      const { refused, refusedCount } = found
      return { replayed, accepted: Math.max(0, found.items - overLimit), refused, refusedCount, overLimit }
    })
  })
})
