/** Flags, and what they share, in memory: the stores over a `State`, and the tables that commits write. */
import { Effect } from "effect"
import type { FlagWish } from "../../../src/flags/FeatureFlag.ts"
import { type KeptKind, type KeptWish, nouns } from "../../../src/flags/FlagDraft.ts"
import type { FlagCursor, StoreOf } from "../../../src/flags/FlagStore.ts"
import { listProblem } from "../../../src/flags/ListedIds.ts"
import { problemOf } from "../../../src/flags/Needs.ts"
import { type Before, othersOf } from "../../../src/flags/Others.ts"
import type { Stored } from "../../../src/flags/Stored.ts"
import type { Change } from "../../../src/propagation/Revision.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { bytesOf } from "../../../src/values/Value.ts"
import { KindTables } from "../commits/KindTables.ts"
import type { At, Table } from "../commits/Table.ts"
import { ExperimentTables } from "../experiments/ExperimentTables.ts"
import { RolloutTables } from "../rollouts/RolloutTables.ts"
import { State } from "../State.ts"
import { IdListTables } from "./IdListTables.ts"

class Versions {
  /** Ascending, by "<environment>/<key>". */
  readonly versions = new Map<string, ReadonlyArray<Stored>>()
  /** Archived ones that nobody reads any more, by the same. Their history stays. */
  readonly swept = new Set<string>()

  of({ environment, key }: Pick<Change, "environment" | "key">): ReadonlyArray<Stored> {
    return this.versions.get(`${environment}/${key}`) ?? []
  }

  live(): ReadonlyArray<Stored> {
    return [...this.versions.values()].map((versions) => versions.at(-1)!).filter(({ deleted }) => !deleted)
  }

  in(environment: string): { readonly byKey: ReadonlyMap<string, never>; readonly bytes: number } {
    const its = this.live().filter((one) => one.environment === environment)
    return {
      byKey: new Map(its.map((one) => [one.key, one as never])),
      bytes: its.reduce((sum, { definition }) => sum + bytesOf(definition), 0)
    }
  }
}

export class Tables {
  readonly #byKind = new Map<KeptKind, Versions>()

  of(kind: KeptKind): Versions {
    let versions = this.#byKind.get(kind)
    if (versions === undefined) this.#byKind.set(kind, (versions = new Versions()))
    return versions
  }

  in(environment: string): Before {
    return {
      flag: this.of("flag").in(environment),
      segment: this.of("segment").in(environment),
      flag_settings: this.of("flag_settings").in(environment)
    }
  }
}

const bytesIn = ({ definition, message }: Stored): number => bytesOf(definition) + bytesOf(message)
const place = ({ environment, key }: FlagCursor): string => `${environment}\u0000${key}`

/** The store of a kind. */
export const storeOf = <C extends Stored>(kind: KeptKind): Effect.Effect<StoreOf<C>, never, State> =>
  Effect.map(State.service, (state) => {
    const all = state.tables(Tables)
    const tables = all.of(kind)
    state.tables(KindTables).kinds.set(kind, tableOf(state, all, kind))
    const rollouts = state.tables(RolloutTables)
    /** With its candidates. */
    const allOf = (environment: string, key: string): ReadonlyArray<Stored> => {
      const versions = tables.of({ environment, key })
      if (kind !== "flag") return versions
      return rollouts.withCandidates(environment, { kind, key }, versions, (candidate) => {
        const { version, revision, madeAt: now, madeBy: actor, message } = candidate
        const at = { revision, now, actor, message, changes: [] }
        return asWritten(JSON.parse(candidate.wish), versions, at, version)
      })
    }
    return {
      page: (after) =>
        Effect.sync(() => {
          const left = tables
            .live()
            .filter((one) => after === undefined || place(one) > place(after))
            .sort((a, b) => (place(a) < place(b) ? -1 : 1))
          const found = pageOf(left, left.length, bytesIn) as ReadonlyArray<C>
          return {
            position: { epoch: state.epoch, revision: state.head },
            found,
            next: found.length === left.length ? undefined : found.at(-1)
          }
        }),
      version: (environment, key, version) =>
        Effect.sync(() => allOf(environment, key).find((one) => one.version === version) as C | undefined),
      history: (environment, key, { limit, before }) =>
        Effect.sync(
          () =>
            pageOf(
              allOf(environment, key)
                .filter(({ version }) => before === undefined || version < before)
                .reverse(),
              limit,
              bytesIn
            ) as ReadonlyArray<C>
        )
    }
  })

const tableOf = (state: State, all: Tables, kind: KeptKind): Table => {
  const tables = all.of(kind)
  const rollouts = state.tables(RolloutTables)
  const experiments = state.tables(ExperimentTables)
  return {
    problem: (wish, release) => {
      const { changes } = release
      const { environment, key } = wish
      const held =
        kind === "flag"
          ? experiments.held(environment, key, release)
          : kind === "flag_settings"
            ? experiments.heldAll(environment)
            : undefined
      if (held !== undefined) return held
      const wishes = (changes as ReadonlyArray<KeptWish>).filter(
        (one) => Object.hasOwn(nouns, one.kind) && one.environment === environment
      )
      const { list } = wish as KeptWish
      const wrong =
        list === undefined ? undefined : listProblem(wish as KeptWish, state.tables(IdListTables).lists.get(list))
      if (wrong !== undefined) return wrong
      const current = tables.swept.has(`${environment}/${key}`) ? undefined : tables.of(wish).at(-1)
      return problemOf(wish as KeptWish, current, othersOf(all.in(environment), wishes))
    },
    write: (wish, at) => {
      const last = tables.of(wish).at(-1)?.version ?? 0
      const candidate = wish.kind === "flag" ? (wish as FlagWish).candidate : undefined
      const version =
        candidate ?? (wish.kind === "flag" ? rollouts.next(wish.environment, wish as never, last) : last + 1)
      const made = asWritten(wish as KeptWish, tables.of(wish), at, version)
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
  }
}

const asWritten = (
  { kind, environment, key, definition, digest, uses = [], list }: KeptWish,
  earlier: ReadonlyArray<Stored>,
  { actor, revision, now, message }: At,
  version: number
): Stored => ({
  kind,
  environment,
  key,
  revision,
  version,
  definition: definition ?? "",
  deleted: definition === null,
  digest,
  createdAt: earlier[0]?.createdAt ?? now,
  updatedAt: now,
  updatedBy: actor,
  message,
  ...(uses.length === 0 ? {} : { uses }),
  ...(list === undefined ? {} : { list })
})
