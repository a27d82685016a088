/** What changes are about, for whoever may touch some keys and kinds only. Pure. */
import { keyIn, kindIn, nameOf } from "../keys/Name.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"
import type { About } from "./Decision.ts"
import { type Identity, type Kind, kinds } from "./Identity.ts"
import { inKeyScope, type KeyScope, ofEveryKey, ofKind, scopeOf, withinScope } from "./KeyScope.ts"

/** Kinds of changes that have keys of their own, as rights know them. */
const ofChanges: Readonly<Record<string, Kind>> = { configuration: "config", flag: "flag", segment: "segment" }

/** What is said of all flags is about each of them. */
const OF_ALL_FLAGS = "flag_settings"

/** Of a change to a key; undefined: nobody is given a right to it by its key, so it is for whoever may touch everything. */
export const aboutOf = (kind: string, key: string): About | undefined => {
  if (kind === OF_ALL_FLAGS) return { kind: "flag", key: EVERY_KEY }
  const its = Object.hasOwn(ofChanges, kind) ? ofChanges[kind] : undefined
  return its && { kind: its, key }
}

/** Of the kind in a name of the sessions' ("": configurations); undefined: as of `aboutOf`. */
export const kindOfName = (kind: string): Kind | undefined => aboutOf(kind === "" ? "configuration" : kind, "")?.kind

/** Of a name of the sessions'. */
export const aboutName = (name: string): About | undefined => {
  const kind = kindOfName(kindIn(name))
  return kind && { kind, key: keyIn(name) }
}

type Rights = Pick<Identity, "keys" | "kinds">

const touches = (identity: Rights, { kind, key }: About): boolean =>
  key === undefined || key === EVERY_KEY
    ? ofKind(identity, kind) && scopeOf(identity, kind) === undefined
    : inKeyScope(scopeOf(identity, kind), key)

/** It may touch each of them. */
export const touchesAll = (identity: Rights, abouts: Iterable<About | undefined>): boolean => {
  if (ofEveryKey(identity)) return true
  for (const about of abouts) if (about === undefined || !touches(identity, about)) return false
  return true
}

/** What changes somebody may touch, for a store: names of kinds as changes have them, and keys; undefined: all. */
export type TouchScope = { readonly kinds: ReadonlyArray<string>; readonly keys: KeyScope } | undefined

export const touchScope = (identity: Rights): TouchScope => {
  if (ofEveryKey(identity)) return undefined
  const its = kinds.filter((kind) => ofKind(identity, kind))
  const keys = its[0] === undefined ? { names: [], prefixes: [] } : scopeOf(identity, its[0])
  const changes = Object.keys(ofChanges).filter((kind) => its.includes(ofChanges[kind]!))
  return { kinds: keys === undefined && its.includes("flag") ? [...changes, OF_ALL_FLAGS] : changes, keys }
}

/** The same for rights: kinds as rights have them. */
export const rightsScope = (identity: Rights): TouchScope => {
  if (ofEveryKey(identity)) return undefined
  const its = kinds.filter((kind) => ofKind(identity, kind))
  return { kinds: its, keys: its[0] === undefined ? { names: [], prefixes: [] } : scopeOf(identity, its[0]) }
}

/** The same for names of the sessions': the kind in them, "" for configurations, and the key behind it. */
export const nameScope = (identity: Rights): TouchScope => {
  const scope = touchScope(identity)
  return scope && { ...scope, kinds: scope.kinds.map((kind) => (kind === "configuration" ? "" : kind)) }
}

/** Whether it may touch what a name of the sessions' is of. */
export const inNameScope = (scope: TouchScope, name: string): boolean =>
  inTouchScope(scope, { kind: kindIn(name), key: keyIn(name) })

/** What of patterns that name kinds is in the scope. */
export const withinNames = (scope: TouchScope, patterns: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (scope === undefined) return patterns
  return Array.from(Map.groupBy(patterns, kindIn)).flatMap(([kind, its]) => {
    if (!scope.kinds.includes(kind)) return []
    const found = withinScope(scope.keys, its.map(keyIn))
    return kind === "" ? found : found.map((one) => nameOf(kind, one))
  })
}

/** As `touchesAll` says of `aboutOf`. */
export const inTouchScope = (
  scope: TouchScope,
  { kind, key }: { readonly kind: string; readonly key: string }
): boolean => scope === undefined || (scope.kinds.includes(kind) && inKeyScope(scope.keys, key))
