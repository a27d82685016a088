/** A second kind of change, as small as one can be: a count under a key, which only grows. For tests of everything that knows no kind. */
import { Context, Effect, Layer } from "effect"
import { KindTables } from "../../layers/Memory/commits/KindTables.ts"
import { State } from "../../layers/Memory/State.ts"
import type { Wish } from "../../src/commits/Release.ts"
import { configurationKind } from "../../src/configuration/ConfigurationKind.ts"
import { ConfigurationChanges, ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { matches } from "../../src/keys/Pattern.ts"
import type { Kind } from "../../src/propagation/Kind.ts"
import { Kinds } from "../../src/propagation/Kinds.ts"
import type { Position } from "../../src/propagation/Position.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import type { View } from "../../src/propagation/View.ts"
import { Views } from "../../src/propagation/Views.ts"
import type { Mark, ValueUpdate } from "../../src/updates/Update.ts"
import { type KindSource, nameOf } from "../../src/updates/UpdateSource.ts"
import { Digest } from "../../src/values/Digest.ts"

export interface Toy extends Change {
  readonly kind: "toy"
  readonly revision: bigint
  readonly count: number
}

export interface ToyWish extends Wish<Toy> {
  readonly count: number
}

export const toy = (key: string, count: number): ToyWish => ({ kind: "toy", environment: "production", key, count })

const read = ({ environment, key, revision, count }: Record<string, unknown>): Toy => ({
  kind: "toy",
  environment: String(environment),
  key: String(key),
  revision: BigInt(String(revision)),
  count: Number(count)
})

export const toyKind: Kind<Toy> = {
  name: "toy",
  bytes: ({ key }) => 100 + 2 * key.length,
  fromLog: (stored) => read(stored as Record<string, unknown>),
  toLane: ({ environment, key, revision, count }) => ({ environment, key, revision: String(revision), count }),
  fromLane: (said) => {
    const { revision, count } = said as Record<string, unknown>
    return typeof count === "number" && /^\d+$/.test(String(revision))
      ? read(said as Record<string, unknown>)
      : undefined
  }
}

/** What a log with both kinds may hold. */
export const kinds = Kinds.layer(configurationKind, toyKind)

/** Port: the counts as they are stored. */
export class ToyStore extends Context.Service<
  ToyStore,
  { readonly all: Effect.Effect<{ readonly at: Position; readonly toys: ReadonlyArray<Toy> }, HeraldError> }
>()("test/ToyStore") {}

/** Its twin in memory, and the table that commits write. */
export const memoryToys = Layer.effect(
  ToyStore,
  Effect.gen(function* () {
    const state = yield* State.service
    const history: Array<Toy> = []
    const current = ({ environment, key }: Pick<Change, "environment" | "key">) =>
      history.findLast((one) => one.environment === environment && one.key === key)
    state.tables(KindTables).kinds.set("toy", {
      problem: (wish) =>
        (wish as ToyWish).count > (current(wish)?.count ?? 0)
          ? undefined
          : failure("VersionConflict", `the count of ${wish.key} only grows`),
      write: (wish, { revision }) => {
        const made = read({ ...wish, revision })
        history.push(made)
        return made
      },
      at: ({ environment, key }, revision) =>
        history.find((one) => one.environment === environment && one.key === key && one.revision === revision),
      sweep: (horizon) => history.filter(({ revision }) => revision <= horizon).length
    })
    return ToyStore.of({
      all: Effect.sync(() => ({
        at: { epoch: state.epoch, revision: state.head },
        toys: [...new Map(history.map((one) => [`${one.environment}/${one.key}`, one])).values()]
      }))
    })
  })
)

/** What a node knows of the counts. */
export class ToyView extends Context.Service<
  ToyView,
  View<Toy> & {
    readonly toys: () => ReadonlyMap<string, Toy>
    /** Forgotten up to here. */
    readonly forgotten: () => bigint
    readonly told: ReadonlyArray<bigint>
    /** How often it throws from now on. */
    throws: number
  }
>()("test/ToyView") {
  static readonly layer = Layer.effect(
    ToyView,
    Effect.gen(function* () {
      const store = yield* ToyStore
      let toys = new Map<string, Toy>()
      let forgotten = 0n
      const told: Array<bigint> = []
      const keep = (all: Map<string, Toy>, one: Toy) => void all.set(`${one.environment}/${one.key}`, one)
      const service: ToyView["Service"] = {
        kind: "toy",
        read: Effect.map(store.all, ({ at, toys: found }) => {
          const read = new Map<string, Toy>()
          for (const one of found) keep(read, one)
          return {
            from: at,
            newest: at,
            catchUp: (one) => keep(read, one),
            begin: () => {
              toys = read
            }
          }
        }),
        apply: (one) => {
          if (service.throws-- > 0) throw new Error("no room for toys")
          keep(toys, one)
        },
        committed: (_, { revision }) => {
          if (service.throws-- > 0) throw new Error("nobody listens to toys")
          told.push(revision)
        },
        forget: (horizon) => {
          forgotten = horizon
        },
        toys: () => toys,
        forgotten: () => forgotten,
        told,
        throws: 0
      }
      return service
    })
  )
}

/** What clients get of the counts. */
export const toyUpdates = Effect.gen(function* () {
  const propagation = yield* Propagation
  const view = yield* ToyView
  const digestOf = yield* Digest
  const marks = new WeakMap<Toy, Mark>()
  const find = (environment: string, name: string) => view.toys().get(`${environment}/${name.slice("@toy/".length)}`)
  const markOf = (one: Toy): Mark => {
    const known = marks.get(one)
    if (known !== undefined) return known
    const { key, count, revision } = one
    const made: Mark = {
      kind: "value",
      key: nameOf("toy", key),
      version: count,
      revision,
      epoch: propagation.position().epoch,
      digest: digestOf(String(count)),
      traceparent: "",
      committedAt: 0,
      stale: false
    }
    marks.set(one, made)
    return made
  }
  const updateOf = (one: Toy): ValueUpdate => ({
    ...markOf(one),
    kind: "value",
    environment: one.environment,
    format: "number",
    content: String(one.count),
    delta: undefined,
    strict: false
  })
  return {
    kind: "toy",
    target: (environment, name) => find(environment, name)?.revision,
    standing: (environment, name) => {
      const one = find(environment, name)
      return one && markOf(one)
    },
    known: () => undefined,
    build: (client, name) =>
      Effect.sync(() => {
        const one = find(client.environment, name)
        return one && updateOf(one)
      }),
    mark: (update) => markOf(find(update.environment, update.key)!),
    page: (environment, pattern, after, limit) =>
      [...view.toys().values()]
        .filter((one) => one.environment === environment)
        .map(({ key }) => ({ key: nameOf("toy", key) }))
        .filter(({ key }) => matches(pattern, key) && key > after)
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .slice(0, limit),
    touched: ({ environment, key }) => [{ environment, key: nameOf("toy", key) }],
    remember: () => {}
  } satisfies KindSource
})

/** A node's propagation with both kinds. */
export const propagation = Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" }).pipe(
  Layer.provide([Views.layer(ConfigurationChanges, ToyView), kinds]),
  Layer.provideMerge(Layer.merge(ConfigurationView.layer, ToyView.layer))
)
