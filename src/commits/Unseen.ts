/**
 * Takes out of a refusal what its caller may not see. Pure.
 *
 *   AQ22 Who is refused for what hangs on their change is told what that is, and what protects it, only where they may read it.
 */
import { decide } from "../access/Decision.ts"
import type { Identity, Kind } from "../access/Identity.ts"
import { kinds } from "../access/Identity.ts"
import { catalogue } from "../errors/Catalogue.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"

const isKind = (kind: unknown): kind is Kind => kinds.includes(kind as Kind)

/** `now`: milliseconds since 1970. */
export const toldTo =
  (identity: Identity, now: number) =>
  (error: HeraldError): HeraldError => {
    const { row, details = {} } = error
    if (row !== catalogue.ApprovalRequired || details["protection"] === undefined) return error
    const { kind, key = EVERY_KEY, environment, needed, have, change } = details as Readonly<Record<string, string>>
    // Of a kind that has no keys of its own it is for who may read everything.
    const on = isKind(kind) ? { kind, key } : undefined
    if (decide(identity, { permission: "config.read", environment, on }, now).may) return error
    return failure(
      "ApprovalRequired",
      `something in ${environment} that you may not see hangs on it, and is protected: ${have} of ${needed} approvals count`,
      { details: { environment, needed, have, hidden: 1, ...(change === undefined ? {} : { change }) } }
    )
  }
