/**
 * Use cases on flags. Every method checks `CurrentIdentity` for the environment that it touches.
 *
 *   FU1  What is published can be evaluated: it is read and checked as an evaluation reads it, before it is committed.
 *   FU2  A dry run says what a publish would say, and writes nothing.
 *   FU3  What is evaluated, and for whom, is in no log: a context is the caller's own.
 *   FU4  Evaluating all flags takes a few milliseconds of a turn of the event loop, for all callers together, and one evaluation more.
 *   FU6  Who may touch some flags and segments reads, lists, evaluates and changes these, as if there were no others; what is said of all flags
 *        is for whoever may change all of them.
 *   FU5  Reading what is to be published takes a few milliseconds of a turn of the event loop, and one definition more; a large one is read in a
 *        thread.
 */
import { Context, Effect, Layer } from "effect"
import type { Identity } from "../access/Identity.ts"
import type { Beside } from "../commits/Beside.ts"
import type { CommitOptions } from "../commits/Request.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Bucketing } from "../evaluation/Fractional.ts"
import type { Json } from "../evaluation/Json.ts"
import type { Context as EvaluationContext, Resolution } from "../evaluation/Resolution.ts"
import type { Told } from "../evaluation/Steps.ts"
import type { Caller } from "../usage/Caller.ts"
import { type Evaluating, makeBucketing } from "./Bucketing.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import type { FlagDraft, FlagValidated, FlagWritten } from "./FlagDraft.ts"
import { FlagHolds } from "./FlagHolds.ts"
import type { FlagSettings } from "./FlagSettings.ts"
import { FlagSettingsView } from "./FlagSettingsView.ts"
import type { Mode } from "./IdList.ts"
import { IdLists } from "./IdLists.ts"
import { type IdsWritten, makeIds } from "./Ids.ts"
import type { Moving } from "./Moving.ts"
import { makeFlagReading, makeSegmentReading, makeSettingsReading, type Reads } from "./Reading.ts"
import { makeResolving } from "./Resolving.ts"
import type { Segment } from "./Segment.ts"
import { SegmentView } from "./SegmentView.ts"
import { makeWriting } from "./Writing.ts"

export class Flags extends Context.Service<
  Flags,
  Reads<FeatureFlag> & {
    /**
     * Of a flag, or of what flags share. Fails `InvalidFlag` and `InvalidSegment` (details: problems), `TooLarge`, `FlagNeeded`, `FlagEvaluated`, `SegmentUsed`,
     * `FlagInExperiment`, `FlagsFull`, `SegmentsFull`, `NotFound` to archive what is not there, and as `Commits.commit`.
     */
    readonly publish: (draft: FlagDraft, options: CommitOptions) => Effect.Effect<FlagWritten, HeraldError>
    /** As parts of a release: checked when it is, and committed with it. Fails `InvalidInput` for one that is in it twice, `Forbidden`. */
    readonly beside: (drafts: ReadonlyArray<FlagDraft>) => Effect.Effect<Beside, HeraldError>
    /** Publishes an old version anew. Fails `NotFound` when there is none, and as `publish`. */
    readonly rollback: (
      environment: string,
      key: string,
      toVersion: number,
      options: CommitOptions & Pick<FlagDraft, "expectedVersion" | "kind">
    ) => Effect.Effect<FlagWritten, HeraldError>
    /** Of one release, in its order. Fails as `publish`. FU2 */
    readonly validate: (drafts: ReadonlyArray<FlagDraft>) => Effect.Effect<ReadonlyArray<FlagValidated>, HeraldError>
    readonly segments: Reads<Segment>
    /**
     * Changes who is in the list of ids of a segment, which is made where there is none; `text`: an id on each line, UTF-8. Fails
     * `InvalidInput` with the line, `TooLarge`, `NotFound` to take from what is not there, and as `publish`. IL8
     */
    readonly changeIds: (
      environment: string,
      key: string,
      mode: Mode,
      text: Uint8Array,
      options: CommitOptions & Pick<FlagDraft, "expectedVersion">
    ) => Effect.Effect<IdsWritten, HeraldError>
    /** What an environment says of all its flags, under the key `SETTINGS_KEY`. */
    readonly settings: Reads<FlagSettings>
    /** How people are put into buckets now (`version` 0: nothing was said), and who does so by itself, on this node. WB5 */
    readonly buckets: (
      environment: string
    ) => Effect.Effect<
      { readonly version: number; readonly bucketing: Bucketing; readonly evaluating: ReadonlyArray<Evaluating> },
      HeraldError
    >
    /** Who would be given another variant with these settings; of `people`, or of made up ones. Requires config.write. WB3 */
    readonly moving: (
      environment: string,
      definition: string,
      people: ReadonlyArray<EvaluationContext> | undefined
    ) => Effect.Effect<Moving, HeraldError>
    /** What the flag is for this context, with the steps that lead there. That there is no such flag is an answer, too. */
    readonly evaluate: (
      environment: string,
      key: string,
      context: EvaluationContext
    ) => Effect.Effect<Told, HeraldError>
    /** All flags of an environment that the caller may have, as flagd has them: JSON, which nobody may write into, and a digest of it. FX1 */
    readonly document: (
      environment: string,
      caller: Caller
    ) => Effect.Effect<{ readonly json: Uint8Array; readonly digest: string }, HeraldError>
    /**
     * The same without the steps, for applications: counted as an evaluation by `caller`, or as an error of it where the value does not fit what
     * it asked for, which is for the door to say.
     */
    readonly resolve: (
      environment: string,
      key: string,
      context: EvaluationContext,
      caller: Caller,
      fits?: (value: Json) => boolean
    ) => Effect.Effect<Resolution, HeraldError>
    /** The same at once, by an identity that was recognised. Undefined: it may not, and `resolve` says why. */
    readonly resolveNow: (
      identity: Identity,
      environment: string,
      key: string,
      context: EvaluationContext,
      caller: Caller,
      fits?: (value: Json) => boolean
    ) => Resolution | undefined
    /** Flags of an environment that the identity may have, for what evaluating all of them costs. */
    readonly count: (environment: string, identity: Identity) => number
    /** Of every flag of an environment that the caller may have, in the order of their names. Yields in between. */
    readonly resolveAll: (
      environment: string,
      context: EvaluationContext,
      caller: Caller
    ) => Effect.Effect<ReadonlyArray<readonly [key: string, resolution: Resolution]>, HeraldError>
  }
>()("herald/flags/Flags") {
  static readonly layer = Layer.effect(
    Flags,
    Effect.gen(function* () {
      const [flag, segment, settings] = [yield* makeFlagReading, yield* makeSegmentReading, yield* makeSettingsReading]
      const { write, ...writing } = yield* makeWriting({ flag, segment, flag_settings: settings })
      return Flags.of({
        ...flag,
        ...(yield* makeResolving),
        ...writing,
        changeIds: yield* makeIds(write),
        ...(yield* makeBucketing),
        segments: segment,
        settings
      })
    })
  ).pipe(Layer.provide([SegmentView.layer, FlagSettingsView.layer, IdLists.layer, FlagHolds.layer]))
}
