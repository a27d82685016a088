/** ConfigurationStore over a `State`, and the table that commits write. */
import { Effect, Layer } from "effect"
import type { Configuration } from "../../../src/configuration/Configuration.ts"
import { ConfigurationStore, type HeadCursor } from "../../../src/configuration/ConfigurationStore.ts"
import type { ConfigurationWish } from "../../../src/configuration/Wish.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { KindTables } from "../commits/KindTables.ts"
import { type At, entryOf, type Table } from "../commits/Table.ts"
import { RolloutTables } from "../rollouts/RolloutTables.ts"
import { State } from "../State.ts"
import { bytesIn } from "./Bytes.ts"
import { basisProblem, changeProblem } from "./Conflicts.ts"

export const layer = Layer.effect(
  ConfigurationStore,
  Effect.gen(function* () {
    const state = yield* State.service
    const versionsOf = (environment: string, key: string) => state.versions.get(`${environment}/${key}`) ?? []
    state.tables(KindTables).kinds.set("configuration", tableOf(state))
    const rollouts = state.tables(RolloutTables)
    /** With its candidates. */
    const allOf = (environment: string, key: string) => {
      const versions = versionsOf(environment, key)
      return rollouts.withCandidates(environment, { kind: "configuration", key }, versions, (candidate) => {
        const { version, revision, madeAt: now, madeBy: actor, message } = candidate
        const at = { revision, now, actor, message, changes: [] }
        return { ...asConfiguration({ ...JSON.parse(candidate.wish), candidate: version }, versions, at, rollouts) }
      })
    }

    return ConfigurationStore.of({
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
      version: (environment, key, version) =>
        Effect.sync(() => allOf(environment, key).find((one) => one.version === version)),
      history: (environment, key, { limit, before }) =>
        Effect.sync(() =>
          pageOf(
            allOf(environment, key)
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

const tableOf = (state: State, rollouts = state.tables(RolloutTables)): Table => ({
  problem: (wish) => changeProblem(wish as ConfigurationWish, state.versions.get(entryOf(wish))?.at(-1)),
  unmet: (release) => basisProblem(state, release),
  write: (wish, at) => {
    const earlier = state.versions.get(entryOf(wish)) ?? []
    const made = asConfiguration(wish as ConfigurationWish, earlier, at, rollouts)
    state.versions.set(entryOf(wish), [...earlier, made])
    return made
  },
  at: ({ environment, key }, revision) =>
    state.versions.get(`${environment}/${key}`)?.find((one) => one.revision === revision),
  sweep: () => 0 // a tombstone behind the horizon is left out of the heads: its history stays
})

const asConfiguration = (
  change: ConfigurationWish,
  earlier: ReadonlyArray<Configuration>,
  { actor, revision, now }: At,
  rollouts: RolloutTables
): Configuration => {
  const { key, environment, value, valueType, schema, strict, template, digest, changeLog, candidate } = change
  return {
    kind: "configuration",
    key,
    environment,
    version: candidate ?? rollouts.next(environment, change as never, earlier.at(-1)?.version ?? 0),
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
    updatedBy: actor,
    changeLog
  }
}
