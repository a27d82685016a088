/**
 * Use cases on flags. Every method checks `CurrentIdentity` for the environment that it touches.
 *
 *   FU1  What is published can be evaluated: it is read and checked as an evaluation reads it, before it is committed.
 *   FU2  A dry run says what a publish would say, and writes nothing.
 *   FU3  What is evaluated, and for whom, is in no log: a context is the caller's own.
 */
import { Context, Effect, Layer, Result } from "effect"
import { requirePermission } from "../access/Access.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Action, Committed } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { targetProblem } from "../keys/Target.ts"
import { nearby } from "../text/Nearest.ts"
import type { Difference } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import { bytesOf, exceeds } from "../values/Value.ts"
import { Workers } from "../work/Workers.ts"
import { FLAG_NAME, type Problem, told } from "./Definition.ts"
import { notFound } from "./Evaluator.ts"
import { DEFINITION_BYTES, type FeatureFlag, type FlagWish } from "./FeatureFlag.ts"
import { FlagStore } from "./FlagStore.ts"
import { FlagView } from "./FlagView.ts"
import { flagProblem } from "./Needs.ts"
import { othersOf } from "./Others.ts"
import { readDefinition } from "./ReadDefinition.ts"
import { differences } from "./Readers.ts"
import type { Context as EvaluationContext, Resolution } from "./Resolution.ts"
import { simpleOf } from "./Simple.ts"
import { type Told, tell } from "./Steps.ts"

/** A change that is asked for. `definition` null archives the flag. */
export interface FlagDraft {
  readonly environment: string
  readonly key: string
  readonly definition: string | null
  readonly expectedVersion?: number | undefined
}

/** What became of a publish, and what its author may want to know. */
export interface FlagWritten {
  readonly committed: Committed<FeatureFlag>
  /** FR7 */
  readonly warnings: ReadonlyArray<Problem>
}

export class Flags extends Context.Service<
  Flags,
  {
    /** Fails `InvalidFlag` (details: problems), `TooLarge`, `FlagNeeded`, `FlagsFull`, `NotFound` to archive what is not there, and as `Commits.commit`. */
    readonly publish: (draft: FlagDraft, options: CommitOptions) => Effect.Effect<FlagWritten, HeraldError>
    /** Publishes an old version anew. Fails `NotFound` when there is none, and as `publish`. */
    readonly rollback: (
      environment: string,
      key: string,
      toVersion: number,
      options: CommitOptions & Pick<FlagDraft, "expectedVersion">
    ) => Effect.Effect<FlagWritten, HeraldError>
    /** Fails as `publish`. FU2 */
    readonly validate: (
      draft: FlagDraft
    ) => Effect.Effect<{ readonly difference: Difference; readonly warnings: ReadonlyArray<Problem> }, HeraldError>
    /** As this node knows it. Fails `NotFound`. */
    readonly get: (environment: string, key: string) => Effect.Effect<FeatureFlag, HeraldError>
    readonly list: (
      environment: string,
      options: { readonly prefix: string; readonly after: string; readonly limit: number }
    ) => Effect.Effect<ReadonlyArray<FeatureFlag>, HeraldError>
    /** Fails `NotFound` when there is no such version. */
    readonly version: (environment: string, key: string, version: number) => Effect.Effect<FeatureFlag, HeraldError>
    /** Newest first: one page (PB1). Fails `NotFound` when there never was such a flag. */
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly before: number | undefined }
    ) => Effect.Effect<ReadonlyArray<FeatureFlag>, HeraldError>
    /** Fails `NotFound` when there is no such version, `Busy`. */
    readonly diff: (
      environment: string,
      key: string,
      from: number,
      to: number
    ) => Effect.Effect<Difference, HeraldError>
    /** What the flag is for this context, with the steps that lead there. That there is no such flag is an answer, too. */
    readonly evaluate: (
      environment: string,
      key: string,
      context: EvaluationContext
    ) => Effect.Effect<Told, HeraldError>
    /** The same without the steps, for applications. */
    readonly resolve: (
      environment: string,
      key: string,
      context: EvaluationContext
    ) => Effect.Effect<Resolution, HeraldError>
    /** Of every flag of an environment, in the order of their names. Yields in between. */
    readonly resolveAll: (
      environment: string,
      context: EvaluationContext
    ) => Effect.Effect<ReadonlyArray<readonly [key: string, resolution: Resolution]>, HeraldError>
  }
>()("herald/flags/Flags") {
  static readonly layer = Layer.effect(
    Flags,
    Effect.suspend(() => make())
  )
}

const PAGE = 1_000
/** Flags that are evaluated before others have their turn. */
const SLICE = 256

const make = Effect.fnUntraced(function* () {
  const store = yield* FlagStore
  const view = yield* FlagView
  const workers = yield* Workers
  const digestOf = yield* Digest
  const commit = yield* makeCommitting

  const permit = Effect.fnUntraced(function* (
    permission: "config.read" | "config.write",
    environment: string,
    key: string
  ) {
    const identity = yield* requirePermission(permission, environment)
    const problem = targetProblem(environment, key)
    if (problem !== undefined) return yield* problem
    if (key.length > FLAG_NAME) {
      return yield* failure(
        "InvalidInput",
        `a flag's name has at most ${FLAG_NAME} characters; this one has ${key.length}`
      )
    }
    return identity
  })

  /** FU1 */
  const checked = Effect.fnUntraced(function* (draft: FlagDraft) {
    const { environment, key, definition, expectedVersion } = draft
    const wish = { kind: "flag", environment, key, definition, expectedVersion } as const
    if (definition === null) {
      const none = {
        digest: "",
        bytes: 0,
        variants: [],
        prerequisites: [],
        enabled: false,
        percentage: null,
        targetUsers: null
      }
      return { wish: { ...wish, ...none } satisfies FlagWish, warnings: [] }
    }
    if (exceeds(definition, DEFINITION_BYTES)) {
      return yield* failure("TooLarge", `the definition of ${key} is larger than ${DEFINITION_BYTES} bytes`)
    }
    const read = readDefinition(definition)
    if (Result.isFailure(read)) {
      const problems = read.failure
      return yield* failure("InvalidFlag", `${key}: ${problems.map(told).join("; ")}`, {
        details: { key, environment, problems }
      })
    }
    const { variants, prerequisites, enabled, targeting } = read.success
    const made: FlagWish = {
      ...wish,
      digest: digestOf(definition),
      bytes: bytesOf(definition),
      variants: [...variants.keys()],
      prerequisites,
      enabled,
      ...simpleOf(definition)
    }
    return { wish: made, warnings: targeting === undefined ? [] : differences(targeting) }
  })

  const write = Effect.fnUntraced(function* (
    action: Action,
    options: CommitOptions,
    request: unknown,
    draft: Effect.Effect<FlagDraft, HeraldError>,
    environment: string
  ) {
    const identity = yield* requirePermission("config.write", environment)
    let warnings: ReadonlyArray<Problem> = []
    const committed = yield* commit<FeatureFlag>({
      action,
      identity,
      options,
      request: { kind: "flag", ...(request as object) },
      check: () =>
        Effect.map(Effect.flatMap(draft, checked), (made) => {
          warnings = made.warnings
          return { changes: [made.wish] }
        })
    })
    return { committed, warnings } satisfies FlagWritten
  })

  const unknown = (environment: string, key: string) => {
    const keys = view.page(environment, { prefix: "", after: "", limit: PAGE }).map((flag) => flag.key)
    const near = nearby(key, keys)
    const instead = near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`
    return failure("NotFound", `there is no flag ${key} in ${environment}${instead}`, {
      details: { key, environment, near }
    })
  }

  const version = Effect.fn("Flags.version")(function* (environment: string, key: string, number: number) {
    yield* permit("config.read", environment, key)
    const found = yield* store.version(environment, key, number)
    if (found !== undefined) return found
    if (view.find(environment, key) === undefined) return yield* unknown(environment, key)
    return yield* failure("NotFound", `the flag ${key} in ${environment} has no version ${number}; see its history`)
  })

  return Flags.of({
    publish: Effect.fn("Flags.publish")(function* (draft, options) {
      yield* permit("config.write", draft.environment, draft.key)
      const action = draft.definition === null ? "delete" : "publish"
      return yield* write(action, options, draft, Effect.succeed(draft), draft.environment)
    }),

    rollback: Effect.fn("Flags.rollback")(function* (environment, key, toVersion, { expectedVersion, ...options }) {
      yield* permit("config.write", environment, key)
      const draft = Effect.gen(function* () {
        const old = yield* version(environment, key, toVersion)
        if (!old.deleted) return { environment, key, definition: old.definition, expectedVersion }
        return yield* failure(
          "InvalidInput",
          `version ${toVersion} of the flag ${key} in ${environment} archived it; archive it, or roll back to a version with a definition`
        )
      })
      return yield* write("rollback", options, { environment, key, toVersion, expectedVersion }, draft, environment)
    }),

    validate: Effect.fn("Flags.validate")(function* (draft) {
      const { environment, key } = draft
      yield* permit("config.write", environment, key)
      const { wish, warnings } = yield* checked(draft)
      const { flags, bytes } = view.all(environment)
      const current = flags.get(key)
      const problem = flagProblem(wish, current, othersOf(flags, bytes, [wish]))
      if (problem !== undefined) return yield* problem
      const difference = yield* workers.compare(current?.definition ?? "", draft.definition ?? "")
      return { difference, warnings }
    }),

    get: Effect.fn("Flags.get")(function* (environment, key) {
      yield* permit("config.read", environment, key)
      return view.find(environment, key) ?? (yield* unknown(environment, key))
    }),

    list: Effect.fn("Flags.list")(function* (environment, options) {
      yield* requirePermission("config.read", environment)
      return view.page(environment, { ...options, limit: Math.max(1, Math.min(PAGE, options.limit)) })
    }),

    version,

    history: Effect.fn("Flags.history")(function* (environment, key, { limit, before }) {
      yield* permit("config.read", environment, key)
      const found = yield* store.history(environment, key, { limit: Math.max(1, Math.min(PAGE, limit)), before })
      if (found.length > 0 || before !== undefined) return found
      return yield* unknown(environment, key)
    }),

    diff: Effect.fn("Flags.diff")(function* (environment, key, from, to) {
      const [before, after] = [yield* version(environment, key, from), yield* version(environment, key, to)]
      return yield* workers.compare(before.definition, after.definition)
    }),

    resolve: (environment, key, context) =>
      Effect.map(
        requirePermission("config.read", environment),
        () => view.flag(environment, key)?.evaluate(context) ?? notFound(key)
      ),

    resolveAll: Effect.fnUntraced(function* (environment, context) {
      yield* requirePermission("config.read", environment)
      const found: Array<readonly [string, Resolution]> = []
      for (let after = ""; ; ) {
        const page = view.page(environment, { prefix: "", after, limit: SLICE })
        for (const { key } of page) found.push([key, view.flag(environment, key)?.evaluate(context) ?? notFound(key)])
        if (page.length < SLICE) return found
        after = page.at(-1)!.key
        yield* Effect.yieldNow
      }
    }),

    // FU3
    evaluate: Effect.fnUntraced(function* (environment, key, context) {
      yield* permit("config.read", environment, key)
      const [flag, how] = [view.flag(environment, key), view.how(environment)]
      return flag === undefined || how === undefined
        ? { resolution: notFound(key), steps: [] }
        : tell(flag, context, how)
    })
  })
})
