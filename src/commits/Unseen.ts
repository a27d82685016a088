/**
 * Takes out of a refusal what its caller may not see. Pure.
 *
 *   AQ22 Who is refused for what hangs on their change is told what that is, and what protects it, only where they may read it.
 *   AQ24 What is kept of a refusal for others to read is worded for whoever may see nothing.
 *   EQ4  Who is refused for want of room is told what their environment holds only where they may read all of it.
 */
import { type Act, decide, needs } from "../access/Decision.ts"
import type { Identity, Kind, Permission } from "../access/Identity.ts"
import { kinds } from "../access/Identity.ts"
import { forbidden, type RefusalRule } from "../access/Refusal.ts"
import { catalogue } from "../errors/Catalogue.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"

type Texts = Readonly<Record<string, string>>

const isKind = (kind: unknown): kind is Kind => kinds.includes(kind as Kind)
/** Of a kind that has no keys of its own it is for who may read everything. */
const onOf = ({ kind, key = EVERY_KEY }: Texts): Act["on"] => (isKind(kind) ? { kind, key } : undefined)

/** `its`: where the unseen is, to its reader. `may`: whether they may read such a thing. */
const told = (
  error: HeraldError,
  its: string,
  may: (environment: string | undefined, on?: Act["on"]) => boolean
): HeraldError => {
  const { row, details = {} } = error
  const texts = details as Texts
  const { environment, protection, hidden, needed, have, change, used, quota, adds, limit } = texts
  if (row === catalogue.ApprovalRequired && (protection ?? hidden) !== undefined && !may(environment, onOf(texts)))
    return failure(
      "ApprovalRequired",
      `something in ${environment} that ${its}, and is protected: ${have} of ${needed} approvals count`,
      { details: { environment, needed, have, hidden: 1, ...(change === undefined ? {} : { change }) } }
    )
  if (row === catalogue.EnvironmentFull && used !== undefined && !may(environment))
    return failure(
      "EnvironmentFull",
      `${environment} is full: this adds ${adds} ${quota}, more than there is room for in its quota of ${limit}`,
      { details: { environment, quota, adds, limit } }
    )
  return error
}

/** `now`: milliseconds since 1970. AQ22, EQ4 */
export const toldTo =
  (identity: Identity, now: number) =>
  (error: HeraldError): HeraldError =>
    told(
      error,
      "you may not see hangs on it",
      (environment, on) => decide(identity, { permission: "config.read", environment, on }, now).may
    )

/** As it is kept: of who was refused it doesn't say what they may, either. AQ24 */
export const toldToAll = (error: HeraldError): HeraldError => {
  const { row, details = {} } = error
  const { permission, environment, rule } = details as Texts
  if (row !== catalogue.Forbidden || permission === undefined)
    return told(error, "not everyone may see is touched by it", () => false)
  const act: Act = { permission: permission as Permission, environment, on: onOf(details as Texts) }
  return forbidden(rule as RefusalRule, `who asked for it may not: this needs ${needs(act)}`, details)
}
