/** Reads what is stored of flags, and of what they share; a part of Flags. */
import { Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { About } from "../access/Decision.ts"
import type { Identity } from "../access/Identity.ts"
import { type KeyScope, scopeOf } from "../access/KeyScope.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { FLAG_NAME } from "../evaluation/Definition.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"
import { targetProblem } from "../keys/Target.ts"
import { nearby } from "../text/Nearest.ts"
import type { Difference } from "../values/Diff.ts"
import { Workers } from "../work/Workers.ts"
import { type KeptKind, nouns } from "./FlagDraft.ts"
import { type FlagSettings, SETTINGS_KEY } from "./FlagSettings.ts"
import { FlagSettingsStore } from "./FlagSettingsStore.ts"
import { FlagSettingsView } from "./FlagSettingsView.ts"
import { FlagStore, type StoreOf } from "./FlagStore.ts"
import { FlagView } from "./FlagView.ts"
import type { PageOptions } from "./Named.ts"
import { SegmentStore } from "./SegmentStore.ts"
import { SegmentView } from "./SegmentView.ts"
import type { Stored } from "./Stored.ts"

const PAGE = 1_000

/** Reads of flags, and of what they share. */
export interface Reads<C extends Stored> {
  /** As this node knows it. Fails `NotFound`. */
  readonly get: (environment: string, key: string) => Effect.Effect<C, HeraldError>
  readonly list: (environment: string, options: PageOptions) => Effect.Effect<ReadonlyArray<C>, HeraldError>
  /** Fails `NotFound` when there is no such version. */
  readonly version: (environment: string, key: string, version: number) => Effect.Effect<C, HeraldError>
  /** Newest first: one page (PB1). Fails `NotFound` when there never was one of that name. */
  readonly history: (
    environment: string,
    key: string,
    options: { readonly limit: number; readonly before: number | undefined }
  ) => Effect.Effect<ReadonlyArray<C>, HeraldError>
  /** Fails `NotFound` when there is no such version, `Busy`. */
  readonly diff: (environment: string, key: string, from: number, to: number) => Effect.Effect<Difference, HeraldError>
}

/** Some keys of a kind. What is said of all flags may be known to whoever has some of them. */
const some = (kind: KeptKind): About => ({ kind: kind === "segment" ? kind : "flag" })

/** What is said of all flags is for whoever may change all of them. */
export const aboutKept = (permission: "config.read" | "config.write", kind: KeptKind, key: string): About =>
  kind !== "flag_settings"
    ? { kind, key }
    : permission === "config.read"
      ? some(kind)
      : { kind: "flag", key: EVERY_KEY }

/** Who may, and what may be such a name. */
export const permit = Effect.fnUntraced(function* (
  permission: "config.read" | "config.write",
  kind: KeptKind,
  environment: string,
  key: string
) {
  const identity = yield* requirePermission(permission, environment, aboutKept(permission, kind, key))
  const problem = targetProblem(environment, key)
  if (problem !== undefined) return yield* problem
  if (key.length > FLAG_NAME) {
    return yield* failure(
      "InvalidInput",
      `a ${nouns[kind]}'s name has at most ${FLAG_NAME} characters; this one has ${key.length}`
    )
  }
  return identity
})

interface Known<C extends Stored> {
  readonly find: (environment: string, key: string) => C | undefined
  readonly page: (environment: string, options: PageOptions) => ReadonlyArray<C>
}

const reads = <C extends Stored>(
  kind: KeptKind,
  store: StoreOf<C>,
  view: Known<C>,
  compare: (before: string, after: string) => Effect.Effect<Difference, HeraldError>
): Reads<C> => {
  const noun = nouns[kind]
  const unknown = (environment: string, key: string, scope: KeyScope) => {
    const keys = view.page(environment, { prefix: "", after: "", limit: PAGE, scope }).map((one) => one.key)
    const near = nearby(key, keys)
    const instead = near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`
    return failure("NotFound", `there is no ${noun} ${key} in ${environment}${instead}`, {
      details: { key, environment, near }
    })
  }
  const scopeFor = (identity: Identity): KeyScope => scopeOf(identity, some(kind).kind)
  const version = Effect.fn("Flags.version")(function* (environment: string, key: string, number: number) {
    const identity = yield* permit("config.read", kind, environment, key)
    const found = yield* store.version(environment, key, number)
    if (found !== undefined) return found
    if (view.find(environment, key) === undefined) return yield* unknown(environment, key, scopeFor(identity))
    return yield* failure("NotFound", `the ${noun} ${key} in ${environment} has no version ${number}; see its history`)
  })
  return {
    get: Effect.fn("Flags.get")(function* (environment: string, key: string) {
      const identity = yield* permit("config.read", kind, environment, key)
      return view.find(environment, key) ?? (yield* unknown(environment, key, scopeFor(identity)))
    }),
    list: Effect.fn("Flags.list")(function* (environment: string, options: PageOptions) {
      const scope = scopeFor(yield* requirePermission("config.read", environment, some(kind)))
      return view.page(environment, { ...options, limit: Math.max(1, Math.min(PAGE, options.limit)), scope })
    }),
    version,
    history: Effect.fn("Flags.history")(function* (
      environment: string,
      key: string,
      { limit, before }: { readonly limit: number; readonly before: number | undefined }
    ) {
      const identity = yield* permit("config.read", kind, environment, key)
      const found = yield* store.history(environment, key, { limit: Math.max(1, Math.min(PAGE, limit)), before })
      if (found.length > 0 || before !== undefined) return found
      return yield* unknown(environment, key, scopeFor(identity))
    }),
    diff: Effect.fn("Flags.diff")(function* (environment: string, key: string, from: number, to: number) {
      const [before, after] = [yield* version(environment, key, from), yield* version(environment, key, to)]
      return yield* compare(before.definition, after.definition)
    })
  }
}

export const makeFlagReading = Effect.gen(function* () {
  return reads("flag", yield* FlagStore, yield* FlagView, (yield* Workers).compare)
})

export const makeSegmentReading = Effect.gen(function* () {
  return reads("segment", yield* SegmentStore, yield* SegmentView, (yield* Workers).compare)
})

/** `view.find` and `page` of settings know one key. */
export const makeSettingsReading = Effect.gen(function* () {
  const view = yield* FlagSettingsView
  const found = (environment: string, key: string) => (key === SETTINGS_KEY ? view.find(environment) : undefined)
  const known: Known<FlagSettings> = {
    find: found,
    page: (environment) => [found(environment, SETTINGS_KEY)].filter((one) => one !== undefined)
  }
  return reads("flag_settings", yield* FlagSettingsStore, known, (yield* Workers).compare)
})
