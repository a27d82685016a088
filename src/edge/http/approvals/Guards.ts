/** Who has to approve what was only tried: told beside the answer of a dry run, and of can-i. */
import { Effect, Schema } from "effect"
import { requirePermission, requireSignedIn } from "../../../access/Access.ts"
import type { KeyRights } from "../../../access/KeyScope.ts"
import type { Approvals } from "../../../approvals/Approvals.ts"
import { type Protection, visibleTo } from "../../../approvals/Protection.ts"
import type { Wish } from "../../../commits/Release.ts"
import type { HeraldError } from "../../../errors/HeraldError.ts"
import { Whole } from "../Wire.ts"

/** A protection that stands before it: so many others have to approve, of these roles. */
export const Guard = Schema.Struct({
  name: Schema.String,
  environment: Schema.String,
  approvals: Whole,
  roles: Schema.Array(Schema.String)
}).annotate({ identifier: "Guard" })
export type Guard = typeof Guard.Type

/** Both left out: it needs no second person. `hidden`: how many more there are, of which the caller may see nothing. */
export const guardFields = {
  protections: Schema.optionalKey(Schema.Array(Guard)),
  hidden: Schema.optionalKey(Whole)
}
export interface Guards {
  readonly protections?: ReadonlyArray<Guard>
  readonly hidden?: number
}

/** As they are told to somebody. AQ13 */
export const guards = (found: ReadonlyArray<Protection>, identity: KeyRights): Guards => {
  const seen = found.filter((one) => visibleTo(identity, one) !== undefined)
  return {
    ...(seen.length === 0
      ? {}
      : {
          protections: seen.map(({ key, environment, approvals, roles }) => ({
            ...{ name: key, environment, approvals, roles }
          }))
        }),
    ...(seen.length === found.length ? {} : { hidden: found.length - seen.length })
  }
}

interface Of {
  readonly environment: string
  readonly key: string
}

/** Of keys, and of flags and segments. */
export const wishesOf = (
  changes: ReadonlyArray<Of>,
  others: ReadonlyArray<Of & { readonly kind: string }> = []
): ReadonlyArray<Wish> => [
  ...changes.map(({ environment, key }) => ({ kind: "configuration", environment, key })),
  ...others.map(({ kind, environment, key }) => ({ kind, environment, key }))
]

/** What these would be refused for. Who would break the glass has to be allowed to, and then nothing is. AQ19 */
export const guardedBy = Effect.fnUntraced(function* (
  approvals: Approvals["Service"],
  changes: ReadonlyArray<Wish>,
  breakGlass?: string
): Effect.fn.Return<Guards, HeraldError> {
  const found = yield* approvals.guarding(changes)
  if (breakGlass === undefined) return guards(found, yield* requireSignedIn)
  for (const { environment } of found) yield* requirePermission("approvals.bypass", environment)
  return {}
})
