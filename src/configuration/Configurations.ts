/**
 * Use cases on configurations. Every method checks `CurrentIdentity` for the environment that it touches.
 *
 *   F1  Nothing is committed that a connected client in scope could not render (dry run of templates).
 *   F2  A rollback is a new version equal to an old one; history is never rewritten.
 *   F3  Types, sizes, depth and JSON Schema are checked before the store is touched.
 */
import { Context, Effect, Layer } from "effect"
import type { Committed } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Difference } from "../values/Diff.ts"
import type { Configuration, Head } from "./Configuration.ts"
import type { Draft, Expecting } from "./Draft.ts"
import { makePublishing } from "./Publishing.ts"
import { type Explanation, makeReading, type Read } from "./Reading.ts"

export class Configurations extends Context.Service<
  Configurations,
  {
    /** One draft or many, as one revision. `action` names it in history and audit. */
    readonly publish: (
      drafts: ReadonlyArray<Draft>,
      options: CommitOptions
    ) => Effect.Effect<Committed<Configuration>, HeraldError>
    readonly rollback: (
      environment: string,
      key: string,
      toVersion: number,
      options: CommitOptions & Expecting
    ) => Effect.Effect<Committed<Configuration>, HeraldError>
    /** Everything `publish` would check, without writing: what would change and for how many connected clients. */
    readonly validate: (drafts: ReadonlyArray<Draft>) => Effect.Effect<
      ReadonlyArray<{
        readonly key: string
        readonly environment: string
        readonly difference: Difference
        readonly clients: number
      }>,
      HeraldError
    >
    /** Fails `NotFound` for unknown and deleted keys, `StaleRead` for strict keys that can't be confirmed. */
    readonly get: (
      environment: string,
      key: string,
      consistency: "strong" | "cached"
    ) => Effect.Effect<Read, HeraldError>
    readonly version: (environment: string, key: string, version: number) => Effect.Effect<Configuration, HeraldError>
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly before: number | undefined }
    ) => Effect.Effect<ReadonlyArray<Configuration>, HeraldError>
    /** Live heads, sorted by key, keys after `after`. */
    readonly list: (options: {
      readonly environment: string
      readonly prefix: string
      readonly limit: number
      readonly after: string
    }) => Effect.Effect<ReadonlyArray<Head>, HeraldError>
    /** Those that the caller may read and that have a key, by name. */
    readonly environments: () => Effect.Effect<
      ReadonlyArray<{ readonly environment: string; readonly keys: number }>,
      HeraldError
    >
    readonly diff: (
      environment: string,
      key: string,
      from: number,
      to: number
    ) => Effect.Effect<Difference, HeraldError>
    /** `labels` stand for a client's metadata; `service` and `instance` may be among them. */
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
