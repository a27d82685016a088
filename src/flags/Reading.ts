/** The reading half of Flags. */
import { Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import { type Identity, may } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { FLAG_NAME } from "../evaluation/Definition.ts"
import { type Allowance, STEPS } from "../evaluation/Engine.ts"
import { notFound } from "../evaluation/Evaluator.ts"
import type { Json } from "../evaluation/Json.ts"
import type { Context, Resolution } from "../evaluation/Resolution.ts"
import { tell } from "../evaluation/Steps.ts"
import { environmentProblem, targetProblem } from "../keys/Target.ts"
import { happened } from "../telemetry/Traces.ts"
import { nearby } from "../text/Nearest.ts"
import type { Caller } from "../usage/Caller.ts"
import { Usage } from "../usage/Usage.ts"
import type { Difference } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import { Slices } from "../work/Slices.ts"
import { Workers } from "../work/Workers.ts"
import { evaluationEvent } from "./EvaluationEvent.ts"
import { digestOfDocument } from "./FlagDocument.ts"
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
/** Steps of all flags of a request: some 200 ms. FE12 */
const TOGETHER = 10 * STEPS

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

/** Who may, and what may be such a name. */
export const permit = Effect.fnUntraced(function* (
  permission: "config.read" | "config.write",
  kind: KeptKind,
  environment: string,
  key: string
) {
  const identity = yield* requirePermission(permission, environment)
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
  const unknown = (environment: string, key: string) => {
    const keys = view.page(environment, { prefix: "", after: "", limit: PAGE }).map((one) => one.key)
    const near = nearby(key, keys)
    const instead = near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`
    return failure("NotFound", `there is no ${noun} ${key} in ${environment}${instead}`, {
      details: { key, environment, near }
    })
  }
  const version = Effect.fn("Flags.version")(function* (environment: string, key: string, number: number) {
    yield* permit("config.read", kind, environment, key)
    const found = yield* store.version(environment, key, number)
    if (found !== undefined) return found
    if (view.find(environment, key) === undefined) return yield* unknown(environment, key)
    return yield* failure("NotFound", `the ${noun} ${key} in ${environment} has no version ${number}; see its history`)
  })
  return {
    get: Effect.fn("Flags.get")(function* (environment: string, key: string) {
      yield* permit("config.read", kind, environment, key)
      return view.find(environment, key) ?? (yield* unknown(environment, key))
    }),
    list: Effect.fn("Flags.list")(function* (environment: string, options: PageOptions) {
      yield* requirePermission("config.read", environment)
      return view.page(environment, { ...options, limit: Math.max(1, Math.min(PAGE, options.limit)) })
    }),
    version,
    history: Effect.fn("Flags.history")(function* (
      environment: string,
      key: string,
      { limit, before }: { readonly limit: number; readonly before: number | undefined }
    ) {
      yield* permit("config.read", kind, environment, key)
      const found = yield* store.history(environment, key, { limit: Math.max(1, Math.min(PAGE, limit)), before })
      if (found.length > 0 || before !== undefined) return found
      return yield* unknown(environment, key)
    }),
    diff: Effect.fn("Flags.diff")(function* (environment: string, key: string, from: number, to: number) {
      const [before, after] = [yield* version(environment, key, from), yield* version(environment, key, to)]
      return yield* compare(before.definition, after.definition)
    })
  }
}

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

const anything = () => true

export const makeReading = Effect.gen(function* () {
  const view = yield* FlagView
  const usage = yield* Usage
  const digestOf = yield* Digest
  usage.onlyWhere((environment) => view.all(environment).byKey.size > 0)
  const slices = new Slices()

  const resolved = (
    environment: string,
    key: string,
    context: Context,
    caller: Caller,
    allowance?: Allowance,
    fits: (value: Json) => boolean = anything
  ): Resolution => {
    const resolution = view.flag(environment, key)?.evaluate(context, allowance)
    if (resolution === undefined) {
      usage.noteMiss("FLAG_NOT_FOUND", caller)
      return notFound(key)
    }
    const { variant = "", reason, errorCode = reason, value } = resolution
    const outcome = value === undefined || fits(value) ? errorCode : "TYPE_MISMATCH"
    usage.note(environment, key, view.find(environment, key)?.version ?? 0, variant, outcome, caller)
    return resolution
  }

  return {
    ...reads("flag", yield* FlagStore, view, (yield* Workers).compare),

    document: (environment: string, caller: Caller) =>
      Effect.gen(function* () {
        yield* requirePermission("config.read", environment)
        usage.noteAll(environment, caller)
        const document = yield* view.document(environment)
        return { json: document.json, digest: yield* digestOfDocument(document, digestOf, slices) }
      }),

    resolve: (environment: string, key: string, context: Context, caller: Caller, fits?: (value: Json) => boolean) =>
      Effect.flatMap(requirePermission("config.read", environment), () => {
        const resolution = resolved(environment, key, context, caller, undefined, fits)
        const version = view.find(environment, key)?.version
        return Effect.as(
          happened("feature_flag.evaluation", () => evaluationEvent(environment, key, version, resolution)),
          resolution
        )
      }),

    resolveNow: (
      identity: Identity,
      environment: string,
      key: string,
      context: Context,
      caller: Caller,
      fits?: (value: Json) => boolean
    ) =>
      may(identity, "config.read", environment) && environmentProblem(environment) === undefined
        ? resolved(environment, key, context, caller, undefined, fits)
        : undefined,

    count: (environment: string) => view.all(environment).byKey.size,

    resolveAll: Effect.fnUntraced(function* (environment: string, context: Context, caller: Caller) {
      yield* requirePermission("config.read", environment)
      usage.noteAll(environment, caller)
      const found: Array<readonly [string, Resolution]> = []
      const allowance = { left: TOGETHER } // FE12
      for (let after = ""; ; ) {
        const page = view.page(environment, { prefix: "", after, limit: PAGE })
        for (const { key } of page) {
          if (slices.over()) yield* slices.turn // FU4
          found.push([key, resolved(environment, key, context, caller, allowance)])
        }
        if (page.length < PAGE) return found
        after = page.at(-1)!.key
      }
    }),

    // FU3
    evaluate: Effect.fnUntraced(function* (environment: string, key: string, context: Context) {
      yield* permit("config.read", "flag", environment, key)
      const [flag, how] = [view.flag(environment, key), view.how(environment)]
      return flag === undefined || how === undefined
        ? { resolution: notFound(key), steps: [] }
        : tell(flag, context, how)
    })
  }
})
