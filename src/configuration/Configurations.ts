/**
 * Use cases on configurations. Every method checks `CurrentIdentity` for the environment that it touches, and fails `Unauthenticated`,
 * `Forbidden`, `InvalidInput` or `InvalidKey`; those that reach the database also `DatabaseUnavailable` or `Timeout`.
 *
 *   F1  Nothing is committed that a connected client in scope could not render (dry run of templates).
 *   F2  A rollback is a new version equal to an old one; history is never rewritten.
 *   AO2  A value's rendering belongs to its key: whoever may read the key sees the variables that it names. Who may not read
 *        `herald.variables` writes no template that names any, or they would read them all.
 *   AO3  A page of values has those alone that the caller may read one by one, and goes on past what was deleted meanwhile.
 *   F3  Types, sizes, depth and JSON Schema are checked before the store is touched.
 */
import { Context, Effect, Layer } from "effect"
import type { Beside } from "../commits/Beside.ts"
import type { Committed } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Difference } from "../values/Diff.ts"
import type { Configuration, Head } from "./Configuration.ts"
import type { Draft, Expecting } from "./Draft.ts"
import type { Trait } from "./Heads.ts"
import type { Prepared } from "./Preparing.ts"
import { makePublishing } from "./Publishing.ts"
import { type Explanation, makeReading, type Read } from "./Reading.ts"

export class Configurations extends Context.Service<
  Configurations,
  {
    /**
     * Commits one draft or many as one revision. Fails `InvalidValue`, `TooLarge`, `SchemaViolation`, `InvalidSchema`, `TemplateError`,
     * `NothingChanged`, `Busy`, and as `Commits.commit`.
     */
    readonly publish: (
      drafts: ReadonlyArray<Draft>,
      options: CommitOptions
    ) => Effect.Effect<Committed<Configuration>, HeraldError>
    /** The same with changes of other kinds, all as one revision; of configurations there may be none. Fails as `publish`, and as those do. */
    readonly release: (
      drafts: ReadonlyArray<Draft>,
      options: CommitOptions,
      beside: Beside
    ) => Effect.Effect<Committed, HeraldError>
    /** Publishes the value of an old version anew. Fails `NotFound` when there is no such version, and as `publish`. F2 */
    readonly rollback: (
      environment: string,
      key: string,
      toVersion: number,
      options: CommitOptions & Expecting
    ) => Effect.Effect<Committed<Configuration>, HeraldError>
    /**
     * Checks what `publish` would, and writes nothing. Says for each key what would change, and how many connected clients would get it. Fails as
     * `publish`.
     */
    readonly validate: (drafts: ReadonlyArray<Draft>) => Effect.Effect<
      ReadonlyArray<{
        readonly key: string
        readonly environment: string
        readonly difference: Difference
        readonly clients: number
      }>,
      HeraldError
    >
    /**
     * What `publish` would commit, with what it was checked against: for who commits it with something else, or later. `again`: as what is current
     * was outdated. Fails as `publish`.
     */
    readonly prepared: (
      drafts: ReadonlyArray<Draft>,
      message: string,
      again: boolean
    ) => Effect.Effect<Prepared, HeraldError>
    /** Fails `NotFound` for a key that is unknown or deleted, `StaleRead` for a strict key while the database can't confirm it. */
    readonly get: (
      environment: string,
      key: string,
      consistency: "strong" | "cached"
    ) => Effect.Effect<Read, HeraldError>
    /** Fails `NotFound` when there is no such version. */
    readonly version: (environment: string, key: string, version: number) => Effect.Effect<Configuration, HeraldError>
    /** Versions below `before`, newest first: one page (PB1) of at most `limit`. Fails `NotFound` when the key never existed. */
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly before: number | undefined }
    ) => Effect.Effect<ReadonlyArray<Configuration>, HeraldError>
    /**
     * At most `limit` heads that are not deleted, which the caller may read, in the order of their keys: those after `after` that begin with `prefix`, `only` templates
     * or strict ones if it says so.
     */
    readonly list: (options: {
      readonly environment: string
      readonly prefix: string
      readonly limit: number
      readonly after: string
      readonly only?: Trait | undefined
    }) => Effect.Effect<ReadonlyArray<Head>, HeraldError>
    /**
     * One page (PB1) of what is current, with its values, of the keys that `list` would give: read together from the database, past this node's cache, which
     * a walk through a large store would empty. Fails `StaleRead` where one is strict and this node is stale, as `get`. `next`: after which key it goes on; undefined at the end, and a page may
     * have none. AO3
     */
    readonly values: (options: {
      readonly environment: string
      readonly prefix: string
      readonly limit: number
      readonly after: string
    }) => Effect.Effect<
      { readonly found: ReadonlyArray<Configuration>; readonly next: string | undefined },
      HeraldError
    >
    /** Environments that the caller may read and that have a key for it, by name. `keys`: how many. */
    readonly environments: () => Effect.Effect<
      ReadonlyArray<{ readonly environment: string; readonly keys: number }>,
      HeraldError
    >
    /** What changed from one version to another. Fails `NotFound` when there is no such version, `Busy`. */
    readonly diff: (
      environment: string,
      key: string,
      from: number,
      to: number
    ) => Effect.Effect<Difference, HeraldError>
    /**
     * Says how a client with these labels would come to its value; `service` and `instance` may be among them. Fails `NotFound`, `Busy`,
     * `StaleRead`.
     */
    readonly explain: (
      environment: string,
      key: string,
      labels: Readonly<Record<string, string>>
    ) => Effect.Effect<Explanation, HeraldError>
  }
>()("herald/configuration/Configurations") {
  static readonly layer = Layer.effect(
    Configurations,
    Effect.suspend(() =>
      Effect.map(Effect.all([makePublishing, makeReading]), ([writes, reads]) =>
        Configurations.of({ ...writes, ...reads })
      )
    )
  )
}
