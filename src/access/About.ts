/** What changes and names are about, for whoever may touch some keys and kinds only. Pure. */
import type { About } from "./Decision.ts"
import type { Identity, Kind } from "./Identity.ts"
import { inKeyScope, ofEveryKey, scopeOf } from "./KeyScope.ts"

const ofChanges: Readonly<Record<string, Kind>> = {
  configuration: "config",
  flag: "flag",
  segment: "segment"
}

/** Of a change to something that has a key of its own; undefined: nobody is given a right to it by its key. */
export const aboutOf = (kind: string, key: string): About | undefined => {
  const its = Object.hasOwn(ofChanges, kind) ? ofChanges[kind] : undefined
  return its && { kind: its, key }
}

/** Of the kind in a name of the sessions' ("": configurations); undefined: as of `aboutOf`. */
export const kindOfName = (kind: string): Kind | undefined => aboutOf(kind === "" ? "configuration" : kind, "")?.kind

type Rights = Pick<Identity, "keys" | "kinds">

const touches = (identity: Rights, { kind, key }: About): boolean =>
  key !== undefined && inKeyScope(scopeOf(identity, kind), key)

/** It may touch each of them. Undefined: what nobody is given a right to by its key, which is for whoever may touch everything. */
export const touchesAll = (identity: Rights, abouts: Iterable<About | undefined>): boolean => {
  if (ofEveryKey(identity)) return true
  for (const about of abouts) if (about === undefined || !touches(identity, about)) return false
  return true
}
