/** The writing half of Flags. */
import { Effect, Result, type Schema } from "effect"
import { requirePermission } from "../access/Access.ts"
import { CurrentIdentity, type Identity } from "../access/Identity.ts"
import { inKeyScope, scopeOf } from "../access/KeyScope.ts"
import type { Beside } from "../commits/Beside.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Action } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import { AsRequest } from "../commits/Requesting.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { type Problem, told } from "../evaluation/Definition.ts"
import { resolved } from "../evaluation/References.ts"
import type { Difference } from "../values/Diff.ts"
import { Digest } from "../values/Digest.ts"
import { PAGE_BYTES } from "../values/Page.ts"
import { bytesOf, exceeds } from "../values/Value.ts"
import { Slices } from "../work/Slices.ts"
import { Workers } from "../work/Workers.ts"
import { forcedProblem, makeArchiving } from "./Archiving.ts"
import { readers } from "./Checking.ts"
import { DEFINITION_BYTES, type FlagWish } from "./FeatureFlag.ts"
import {
  type FlagDraft,
  type FlagWritten,
  type Kept,
  type KeptKind,
  type KeptWish,
  kindOf,
  nouns
} from "./FlagDraft.ts"
import { FlagHolds } from "./FlagHolds.ts"
import { type FlagSettings, type FlagSettingsWish, readFlagSettings, SETTINGS_KEY } from "./FlagSettings.ts"
import { FlagSettingsView } from "./FlagSettingsView.ts"
import { FlagView } from "./FlagView.ts"
import { heldProblem } from "./Hold.ts"
import { IdListStore } from "./IdListStore.ts"
import { listProblem } from "./ListedIds.ts"
import { makeNaming } from "./Naming.ts"
import { problemOf } from "./Needs.ts"
import { othersOf } from "./Others.ts"
import { aboutKept, permit, type Reads } from "./Reading.ts"
import type { SegmentWish } from "./Segment.ts"
import { SegmentView } from "./SegmentView.ts"
import { makeWarning } from "./Warning.ts"

/** Whose version is written. */
export interface Place {
  readonly kind: KeptKind
  readonly environment: string
  readonly key: string
}

/** `of`: reads of each kind. */
export const makeWriting = Effect.fnUntraced(function* (of: { readonly [K in KeptKind]: Reads<Kept> }) {
  const view = yield* FlagView
  const segments = yield* SegmentView
  const settings = yield* FlagSettingsView
  const holds = yield* FlagHolds
  const finding = { flag: view, segment: segments }
  const workers = yield* Workers
  const digestOf = yield* Digest
  const lists = yield* IdListStore
  const commit = yield* makeCommitting
  const slices = new Slices()
  const quiet = yield* makeArchiving
  const { unseen, leaving } = yield* makeWarning
  const mayName = yield* makeNaming

  const sized = (noun: string, key: string, definition: string) =>
    exceeds(definition, DEFINITION_BYTES)
      ? failure("TooLarge", `the definition of the ${noun} ${key} is larger than ${DEFINITION_BYTES} bytes`)
      : Effect.succeed({ digest: digestOf(definition), bytes: bytesOf(definition) })

  const refused = (
    name: "InvalidFlag" | "InvalidSegment",
    { key, environment }: FlagDraft,
    problems: ReadonlyArray<Problem>
  ) => failure(name, `${key}: ${problems.map(told).join("; ")}`, { details: { key, environment, problems } })

  type Checked = { readonly wish: KeptWish; readonly warnings: ReadonlyArray<Problem> }

  const checkedFlag = Effect.fnUntraced(function* (draft: FlagDraft) {
    const { environment, key, definition, expectedVersion } = draft
    const wish = { kind: "flag", environment, key, definition, expectedVersion } as const
    if (definition === null) {
      yield* quiet(draft) // AV1
      return { wish: { ...wish, ...archived }, warnings: [] }
    }
    const size = yield* sized("flag", key, definition)
    const found = yield* workers.aside("flag", definition, readers.flag)
    if ("problems" in found) return yield* refused("InvalidFlag", draft, found.problems)
    const { warnings, ...facts } = found
    yield* mayName(draft, facts)
    const made: FlagWish = { ...wish, ...size, ...facts }
    return { wish: made, warnings: [...warnings, ...unseen(environment, made.uses ?? [])] }
  })

  const checkedSegment = Effect.fnUntraced(function* (draft: FlagDraft) {
    const { environment, key, definition, expectedVersion } = draft
    const wish = { kind: "segment", environment, key, definition, expectedVersion } as const
    if (definition === null) return { wish: { ...wish, digest: "", bytes: 0 }, warnings: [] }
    const size = yield* sized("segment", key, definition)
    const found = yield* workers.aside("segment", definition, readers.segment)
    if ("problems" in found) return yield* refused("InvalidSegment", draft, found.problems)
    const { uses, rule, list, warnings } = found
    yield* mayName(draft, { uses, prerequisites: [], list: list?.digest })
    // What waits is looked at now; what is done, under the lock. IL10
    const stored = list === undefined || !(yield* AsRequest) ? undefined : yield* lists.list(list.digest)
    const wrong = stored && listProblem(draft, stored)
    if (wrong !== undefined) return yield* wrong
    yield* stillReadable(environment, key, rule)
    return {
      wish: { ...wish, ...size, uses, ...(list === undefined ? {} : { list: list.digest }) } satisfies SegmentWish,
      warnings: [...warnings, ...(list === undefined ? [] : yield* leaving(environment, key))]
    }
  })

  /** Of the flags that name a segment: with it they are not larger than a rule may be. FR6 */
  const stillReadable = Effect.fnUntraced(function* (environment: string, key: string, rule: Schema.Json) {
    const ruleOf = (name: string) => (name === key ? rule : segments.asWritten(environment, name))
    for (const flag of view.affected({ kind: "segment", environment, key })) {
      if (slices.over()) yield* slices.turn
      const definition = view.flag(environment, flag)?.definition
      if (definition?.targeting === undefined) continue
      const found = resolved(definition.targeting, (name) => definition.evaluators.get(name) ?? ruleOf(name))
      if (found.problem !== undefined && !found.problem.includes("which is not there"))
        return yield* tooLargeWith(flag, environment, key, found.problem)
    }
  })

  const checkedSettings = Effect.fnUntraced(function* (draft: FlagDraft) {
    const { environment, key, definition, expectedVersion } = draft
    if (definition === null || key !== SETTINGS_KEY)
      return yield* failure("InvalidInput", "what is said of all flags has one name, and is never taken away")
    const size = yield* sized("settings of", key, definition)
    const read = readFlagSettings(definition)
    if (Result.isFailure(read)) return yield* refused("InvalidFlag", draft, read.failure)
    const wish: FlagSettingsWish = { kind: "flag_settings", environment, key, definition, expectedVersion, ...size }
    return { wish, warnings: [] }
  })

  const checks = { flag: checkedFlag, segment: checkedSegment, flag_settings: checkedSettings }

  /** FU1, FU5 */
  const checked = (draft: FlagDraft): Effect.Effect<Checked, HeraldError> =>
    Effect.flatMap(
      Effect.suspend(() => (slices.over() ? slices.turn : Effect.void)),
      (): Effect.Effect<Checked, HeraldError> => checks[kindOf(draft)](draft)
    )

  const write = Effect.fnUntraced(function* (
    action: Action,
    options: CommitOptions,
    request: unknown,
    draft: (again: boolean) => Effect.Effect<FlagDraft, HeraldError>,
    { kind, environment, key }: Place,
    conditional = false
  ) {
    const identity = yield* requirePermission("config.write", environment, aboutKept("config.write", kind, key))
    let warnings: ReadonlyArray<Problem> = []
    const committed = yield* commit<Kept>({
      action,
      identity,
      options,
      request,
      check: (again) =>
        Effect.map(Effect.flatMap(draft(again), checked), (made) => {
          warnings = made.warnings
          return { changes: [made.wish], conditional }
        })
    })
    return { committed, warnings } satisfies FlagWritten
  })

  return {
    write,

    publish: Effect.fn("Flags.publish")(function* (draft: FlagDraft, options: CommitOptions) {
      const kind = kindOf(draft)
      yield* permit("config.write", kind, draft.environment, draft.key)
      const unsaid = forcedProblem([draft], options.message)
      if (unsaid !== undefined) return yield* unsaid
      const action = draft.definition === null ? "delete" : "publish"
      return yield* write(action, options, { ...draft, kind }, () => Effect.succeed(draft), { ...draft, kind })
    }),

    beside: Effect.fn("Flags.beside")(function* (drafts: ReadonlyArray<FlagDraft>) {
      const seen = new Set<string>()
      let identity: Identity | undefined
      for (const draft of drafts) {
        const { environment, key } = draft
        const kind = kindOf(draft)
        identity = yield* permit("config.write", kind, environment, key)
        const id = `${kind}/${environment}/${key}`
        if (seen.has(id))
          return yield* failure(
            "InvalidInput",
            `the ${nouns[kind]} ${key} in ${environment} appears twice in the release`
          )
        seen.add(id)
      }
      if (identity === undefined) return yield* failure("NothingChanged", "the release has no change")
      const beside: Beside = {
        identity,
        changes: drafts.length,
        problem: (message) => forcedProblem(drafts, message),
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
      { expectedVersion, kind = "flag", ...options }: CommitOptions & Pick<FlagDraft, "expectedVersion" | "kind">
    ) {
      yield* permit("config.write", kind, environment, key)
      const draft = Effect.gen(function* () {
        const old = yield* of[kind].version(environment, key, toVersion)
        if (!old.deleted) return { kind, environment, key, definition: old.definition, expectedVersion }
        return yield* failure(
          "InvalidInput",
          `version ${toVersion} of the ${nouns[kind]} ${key} in ${environment} archived it; archive it, or roll back to a version with a definition`
        )
      })
      const request = { kind, environment, key, toVersion, expectedVersion }
      return yield* write("rollback", options, request, () => draft, request)
    }),

    validate: Effect.fn("Flags.validate")(function* (drafts: ReadonlyArray<FlagDraft>) {
      for (const draft of drafts) {
        const { environment, key, force = false } = draft
        yield* permit("config.write", kindOf(draft), environment, key)
        const holder = kindOf(draft) === "flag" && !force && holds.find(environment, key)
        if (holder) return yield* heldProblem(holder, environment, key)
      }
      const all = yield* Effect.forEach(drafts, checked)
      const wishes = Map.groupBy(
        all.map(({ wish }) => wish),
        ({ environment }) => environment
      )
      const others = new Map(
        Array.from(wishes, ([environment, its]) => {
          const before = { flag: view.all(environment), segment: segments.all(environment), flag_settings: NONE }
          return [environment, othersOf(before, its)]
        })
      )
      let shown = 0
      return yield* Effect.forEach(
        all,
        Effect.fnUntraced(function* ({ wish, warnings }) {
          const { kind, environment, key, definition } = wish
          const current = kind === "flag_settings" ? settings.find(environment) : finding[kind].find(environment, key)
          const problem = problemOf(wish, current, others.get(environment)!)
          if (problem !== undefined) return yield* problem
          const [before, after] = [current?.definition ?? "", definition ?? ""]
          const full = shown > PAGE_BYTES // PB1
          shown += before.length + after.length
          const difference = full ? tooMuch : yield* workers.compare(before, after)
          return { kind, key, environment, difference, warnings }
        })
      )
    })
  }
})

/** Settings that are there need no room. */
const NONE = { byKey: new Map<string, FlagSettings>(), bytes: 0 }

/** A caller who may not see the flag learns that there is one. */
const tooLargeWith = Effect.fnUntraced(function* (flag: string, environment: string, key: string, problem: string) {
  const identity = yield* CurrentIdentity
  const seen = identity === undefined || inKeyScope(scopeOf(identity, "flag"), flag)
  const [named, details] = seen ? [`the flag ${flag}`, { key, environment, flag }] : ["a flag", { key, environment }]
  return yield* failure("InvalidSegment", `with it the rule of ${named} ${problem}`, { details })
})

/** What a flag becomes. */
const archived = {
  digest: "",
  bytes: 0,
  variants: [],
  prerequisites: [],
  enabled: false,
  percentage: null,
  targetUsers: null
}

/** Shown instead of a difference when those before it have filled the answer. */
const tooMuch: Difference = {
  kind: "lines",
  unified: "--- before\n+++ after\nnot shown: the answer is full; validate this flag alone\n"
}
