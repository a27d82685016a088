/** ConfigurationStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { actingKey } from "../../../src/access/Principal.ts"
import type { Change, Idempotency, Release } from "../../../src/configuration/Change.ts"
import type { Configuration } from "../../../src/configuration/Configuration.ts"
import { type Committed, ConfigurationStore, type HeadCursor } from "../../../src/configuration/ConfigurationStore.ts"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Revision } from "../../../src/propagation/Revision.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { changeDigest } from "../access/AuditCheck.ts"
import { State } from "../State.ts"
import { bytesIn } from "./Bytes.ts"
import { problemOf } from "./Conflicts.ts"

const idOf = ({ environment, key }: { readonly environment: string; readonly key: string }) => `${environment}/${key}`

export const layer = Layer.effect(
  ConfigurationStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const versionsOf = (environment: string, key: string) => state.versions.get(`${environment}/${key}`) ?? []

    const commit = (release: Release): Committed | HeraldError => {
      const earlier = replayed(state, ownerOf(release), release.idempotency)
      if (earlier !== undefined) return earlier
      const problem = problemOf(state, release)
      if (problem !== undefined) return problem
      const now = clock.currentTimeMillisUnsafe()
      const revision = state.head + 1n
      const changes = release.changes.map((change) => {
        const configuration = asConfiguration(
          change,
          versionsOf(change.environment, change.key),
          release,
          revision,
          now
        )
        state.versions.set(idOf(change), [...versionsOf(change.environment, change.key), configuration])
        state.tables(AccessTables).append({
          configId: idOf(change),
          action: release.action,
          performedBy: release.actor,
          details: {
            version: configuration.version,
            revision: String(revision),
            message: change.changeLog,
            digest: changeDigest(configuration),
            ...actingKey(release.keyId)
          },
          createdAt: now
        })
        return configuration
      })
      const { actor, message, traceparent, idempotency } = release
      const row: Revision = { epoch: state.epoch, revision, changes, traceparent, actor, message, committedAt: now }
      state.revisions.push(row)
      if (idempotency !== undefined) {
        state.idempotency.set(`${ownerOf(release)}\u0000${idempotency.key}`, { digest: idempotency.digest, revision })
      }
      for (const tell of state.listeners) tell()
      return { revision: row, replayed: false }
    }

    return ConfigurationStore.of({
      commit: (release) =>
        Effect.suspend(() => {
          const result = commit(release)
          return "revision" in result ? Effect.succeed(result) : Effect.fail(result)
        }),
      earlier: (idempotency) =>
        Effect.suspend(() => {
          const found = replayed(state, idempotency.owner, idempotency)
          return found === undefined || "revision" in found ? Effect.succeed(found) : Effect.fail(found)
        }),
      templates: (environment) =>
        Effect.sync(() => ({
          position: { epoch: state.epoch, revision: state.head },
          heads: [...state.versions.values()]
            .map((versions) => versions.at(-1)!)
            .filter((head) => head.environment === environment && head.template && !head.deleted)
        })),
      current: (environment, key) => Effect.sync(() => versionsOf(environment, key).at(-1)),
      currents: (keys) =>
        Effect.sync(() => {
          const found = keys.map(({ environment, key }) => versionsOf(environment, key).at(-1))
          return pageOf(found, found.length, (one) => (one === undefined ? 0 : bytesIn(one)))
        }),
      version: (environment, key, version) => Effect.sync(() => versionsOf(environment, key)[version - 1]),
      history: (environment, key, { limit, before }) =>
        Effect.sync(() =>
          pageOf(
            versionsOf(environment, key)
              .filter(({ version }) => before === undefined || version < before)
              .reverse(),
            limit,
            bytesIn
          )
        ),
      heads: (after, limit) =>
        Effect.sync(() => {
          const place = ({ environment, key }: HeadCursor) => `${environment}\u0000${key}`
          const heads = [...state.versions.values()]
            .map((versions) => versions.at(-1)!)
            .filter((head) => !state.forgotten(head))
            .filter((head) => after === undefined || place(head) > place(after))
            .sort((a, b) => (place(a) < place(b) ? -1 : 1))
            .slice(0, limit)
          const next = heads.length < limit ? undefined : heads.at(-1)
          return { position: { epoch: state.epoch, revision: state.head }, heads, next }
        })
    })
  })
)

const ownerOf = ({ idempotency, actor }: Release) => idempotency?.owner ?? actor

const replayed = (
  state: State,
  owner: string,
  idempotency: Idempotency | undefined
): Committed | HeraldError | undefined => {
  const earlier = idempotency && state.idempotency.get(`${owner}\u0000${idempotency.key}`)
  if (earlier === undefined) return undefined
  if (earlier.digest !== idempotency?.digest) {
    return failure("IdempotencyConflict", `the idempotency key ${idempotency?.key} was used for another request`)
  }
  return { revision: state.revisions[Number(earlier.revision) - state.swept - 1]!, replayed: true }
}

const asConfiguration = (
  change: Change,
  earlier: ReadonlyArray<Configuration>,
  release: Release,
  revision: bigint,
  now: number
): Configuration => {
  const { key, environment, value, valueType, schema, strict, template, digest, changeLog } = change
  return {
    key,
    environment,
    version: earlier.length + 1,
    revision,
    value: value ?? "",
    valueType,
    deleted: value === null,
    schema,
    strict,
    template,
    digest,
    createdAt: earlier[0]?.createdAt ?? now,
    updatedAt: now,
    updatedBy: release.actor,
    changeLog
  }
}
