/** The writing half of Flags. */
import { Effect, Result } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { Identity } from "../access/Identity.ts"
import type { Beside } from "../commits/Beside.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Action } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Difference } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import { PAGE_BYTES } from "../values/Page.ts"
import { bytesOf, exceeds } from "../values/Value.ts"
import { Workers } from "../work/Workers.ts"
import { type Problem, told } from "./Definition.ts"
import { DEFINITION_BYTES, type FeatureFlag, type FlagWish } from "./FeatureFlag.ts"
import type { FlagDraft, FlagWritten } from "./FlagDraft.ts"
import { FlagView } from "./FlagView.ts"
import { flagProblem } from "./Needs.ts"
import { othersOf } from "./Others.ts"
import { readDefinition } from "./ReadDefinition.ts"
import { differences } from "./Readers.ts"
import type { makeReading } from "./Reading.ts"
import { simpleOf } from "./Simple.ts"

export const makeWriting = Effect.fnUntraced(function* ({ permit, version }: Effect.Success<typeof makeReading>) {
  const view = yield* FlagView
  const workers = yield* Workers
  const digestOf = yield* Digest
  const commit = yield* makeCommitting

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

  return {
    publish: Effect.fn("Flags.publish")(function* (draft: FlagDraft, options: CommitOptions) {
      yield* permit("config.write", draft.environment, draft.key)
      const action = draft.definition === null ? "delete" : "publish"
      return yield* write(action, options, draft, Effect.succeed(draft), draft.environment)
    }),

    beside: Effect.fn("Flags.beside")(function* (drafts: ReadonlyArray<FlagDraft>) {
      const seen = new Set<string>()
      let identity: Identity | undefined
      for (const { environment, key } of drafts) {
        identity = yield* permit("config.write", environment, key)
        const id = `${environment}/${key}`
        if (seen.has(id))
          return yield* failure("InvalidInput", `the flag ${key} in ${environment} appears twice in the release`)
        seen.add(id)
      }
      if (identity === undefined) return yield* failure("NothingChanged", "the release has no change")
      const beside: Beside = {
        identity,
        changes: drafts.length,
        bytes: drafts.reduce((bytes, { definition }) => bytes + bytesOf(definition ?? ""), 0),
        request: drafts,
        check: Effect.map(Effect.forEach(drafts, checked), (all) => all.map(({ wish }) => wish))
      }
      return beside
    }),

    rollback: Effect.fn("Flags.rollback")(function* (
      environment: string,
      key: string,
      toVersion: number,
      { expectedVersion, ...options }: CommitOptions & Pick<FlagDraft, "expectedVersion">
    ) {
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

    validate: Effect.fn("Flags.validate")(function* (drafts: ReadonlyArray<FlagDraft>) {
      for (const { environment, key } of drafts) yield* permit("config.write", environment, key)
      const all = yield* Effect.forEach(drafts, checked)
      const wishes = Map.groupBy(
        all.map(({ wish }) => wish),
        ({ environment }) => environment
      )
      const others = new Map(
        Array.from(wishes, ([environment, its]) => {
          const { flags, bytes } = view.all(environment)
          return [environment, othersOf(flags, bytes, its)]
        })
      )
      let shown = 0
      return yield* Effect.forEach(
        all,
        Effect.fnUntraced(function* ({ wish, warnings }) {
          const { environment, key, definition } = wish
          const current = view.find(environment, key)
          const problem = flagProblem(wish, current, others.get(environment)!)
          if (problem !== undefined) return yield* problem
          const [before, after] = [current?.definition ?? "", definition ?? ""]
          const full = shown > PAGE_BYTES // PB1
          shown += before.length + after.length
          const difference = full ? tooMuch : yield* workers.compare(before, after)
          return { flag: key, environment, difference, warnings }
        })
      )
    })
  }
})

/** Shown instead of a difference when those before it have filled the answer. */
const tooMuch: Difference = {
  kind: "lines",
  unified: "--- before\n+++ after\nnot shown: the answer is full; validate this flag alone\n"
}
