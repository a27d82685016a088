/**
 * Decides what of its patterns a client is served: those that its identity may have. Pure.
 *
 *   XS1  Interest is what a client asks for and may have, made once a session: no change and no key is asked about afterwards.
 *   XS2  Who names a key that it may not have is refused, with that key. Of a pattern it is served the part that it may have; who would be served
 *        nothing at all is refused.
 *   XS3 in Sweep.ts
 */
import { kindOfName } from "../access/About.ts"
import type { About, Act } from "../access/Decision.ts"
import type { Identity } from "../access/Identity.ts"
import { inKeyScope, isEmptyScope, ofEveryKey, scopeOf, withinScope } from "../access/KeyScope.ts"
import { refusalOf } from "../access/Refusal.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { keyIn, kindIn, nameOf } from "../keys/Name.ts"
import { prefixOf } from "../keys/Pattern.ts"

interface Asked {
  readonly environment: string
  readonly patterns: ReadonlyArray<string>
  /** The client named no patterns, and has those of its service: none of them is asked for by name. */
  readonly byDefault?: boolean | undefined
}

/** In the order of what was asked for. `now`: milliseconds since 1970. Fails `Forbidden`. XS2 */
export const servedTo = (
  identity: Identity,
  { environment, patterns, byDefault = false }: Asked,
  now: number
): ReadonlyArray<string> | HeraldError => {
  if (ofEveryKey(identity)) return patterns
  const refused = (on: Act["on"]) => refusalOf(identity, { permission: "subscribe", environment, on }, now)
  const served = new Set<string>()
  let without: About | undefined
  for (const [kind, its] of Map.groupBy(patterns, kindIn)) {
    const about = kindOfName(kind)
    // A kind that nobody can be given a right to by its name: only who may do everything has it.
    if (about === undefined) return refused(undefined)!
    const scope = scopeOf(identity, about)
    const bare = its.map(keyIn)
    const exact = bare.find((key) => prefixOf(key) === undefined && !inKeyScope(scope, key))
    if (exact !== undefined) {
      without ??= { kind: about, key: exact }
      if (!byDefault) return refused({ kind: about, key: exact })!
    }
    if (isEmptyScope(scope)) without ??= { kind: about }
    for (const one of withinScope(scope, bare)) served.add(kind === "" ? one : nameOf(kind, one))
    if (served.size === 0) without ??= { kind: about, key: bare[0]! }
  }
  return served.size === 0 && without !== undefined ? refused(without)! : [...served]
}
