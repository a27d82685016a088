/** FlagStore over a `State`, and the table that commits write. */
import { Effect, Layer } from "effect"
import type { Release } from "../../../src/commits/Release.ts"
import type { FeatureFlag, FlagWish } from "../../../src/flags/FeatureFlag.ts"
import { type FlagCursor, FlagStore } from "../../../src/flags/FlagStore.ts"
import { flagProblem } from "../../../src/flags/Needs.ts"
import { othersOf } from "../../../src/flags/Others.ts"
import type { Change } from "../../../src/propagation/Revision.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { bytesOf } from "../../../src/values/Value.ts"
import { KindTables } from "../commits/KindTables.ts"
import type { At, Table } from "../commits/Table.ts"
import { State } from "../State.ts"

class FlagTables {
  /** Versions of a flag, ascending, by "<environment>/<key>". */
  readonly versions = new Map<string, ReadonlyArray<FeatureFlag>>()
  /** Archived flags that nobody reads any more, by the same. Their history stays. */
  readonly swept = new Set<string>()

  of({ environment, key }: Pick<Change, "environment" | "key">): ReadonlyArray<FeatureFlag> {
    return this.versions.get(`${environment}/${key}`) ?? []
  }

  live(): ReadonlyArray<FeatureFlag> {
    return [...this.versions.values()].map((versions) => versions.at(-1)!).filter(({ deleted }) => !deleted)
  }
}

const bytesIn = ({ definition, message }: FeatureFlag): number => bytesOf(definition) + bytesOf(message)
const place = ({ environment, key }: FlagCursor): string => `${environment}\u0000${key}`

export const layer = Layer.effect(
  FlagStore,
  Effect.map(State.service, (state) => {
    const tables = state.tables(FlagTables)
    state.tables(KindTables).kinds.set("flag", tableOf(tables))
    return FlagStore.of({
      page: (after) =>
        Effect.sync(() => {
          const left = tables
            .live()
            .filter((flag) => after === undefined || place(flag) > place(after))
            .sort((a, b) => (place(a) < place(b) ? -1 : 1))
          const flags = pageOf(left, left.length, bytesIn)
          return {
            position: { epoch: state.epoch, revision: state.head },
            flags,
            next: flags.length === left.length ? undefined : flags.at(-1)
          }
        }),
      version: (environment, key, version) => Effect.sync(() => tables.of({ environment, key })[version - 1]),
      history: (environment, key, { limit, before }) =>
        Effect.sync(() =>
          pageOf(
            tables
              .of({ environment, key })
              .filter(({ version }) => before === undefined || version < before)
              .reverse(),
            limit,
            bytesIn
          )
        )
    })
  })
)

const tableOf = (tables: FlagTables): Table => ({
  problem: (wish, release) => {
    const { environment } = wish
    const live = tables.live().filter((flag) => flag.environment === environment)
    const bytes = live.reduce((sum, flag) => sum + bytesOf(flag.definition), 0)
    const current = tables.swept.has(`${environment}/${wish.key}`) ? undefined : tables.of(wish).at(-1)
    const others = othersOf(new Map(live.map((flag) => [flag.key, flag])), bytes, wishesIn(release, environment))
    return flagProblem(wish as FlagWish, current, others)
  },
  write: (wish, at) => {
    const made = asWritten(wish as FlagWish, tables.of(wish), at)
    tables.versions.set(`${made.environment}/${made.key}`, [...tables.of(wish), made])
    tables.swept.delete(`${made.environment}/${made.key}`)
    return made
  },
  at: (change, revision) => tables.of(change).find((one) => one.revision === revision),
  sweep: (horizon) => {
    let swept = 0
    for (const [name, versions] of tables.versions) {
      const { deleted, revision } = versions.at(-1)!
      if (!deleted || revision > horizon || tables.swept.has(name)) continue
      tables.swept.add(name)
      swept++
    }
    return swept
  }
})

const wishesIn = ({ changes }: Release, environment: string): ReadonlyArray<FlagWish> =>
  (changes as ReadonlyArray<FlagWish>).filter((one) => one.kind === "flag" && one.environment === environment)

const asWritten = (
  { environment, key, definition, digest }: FlagWish,
  earlier: ReadonlyArray<FeatureFlag>,
  { actor, revision, now, message }: At
): FeatureFlag => ({
  kind: "flag",
  environment,
  key,
  revision,
  version: earlier.length + 1,
  definition: definition ?? "",
  deleted: definition === null,
  digest,
  createdAt: earlier[0]?.createdAt ?? now,
  updatedAt: now,
  updatedBy: actor,
  message
})
