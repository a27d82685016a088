/**
 * Puts the sources of this node, one for each kind, together into the one that sessions ask.
 *
 *   US2  A source that is alone is asked directly: that there might be several costs a delivery nothing.
 */
import { Effect, Layer } from "effect"
import { kindIn } from "../keys/Name.ts"
import { type KindSource, UpdateSource, type UpdateSourceShape } from "./UpdateSource.ts"

// biome-ignore lint/suspicious/noExplicitAny: each needs what it needs
type Sources = readonly [Effect.Effect<KindSource, never, any>, ...ReadonlyArray<Effect.Effect<KindSource, never, any>>]

/** The first is asked for keys that name no kind. */
export const layer = <R extends Sources>(...sources: R) =>
  Layer.effect(
    UpdateSource,
    Effect.map(
      Effect.all(sources as ReadonlyArray<Effect.Effect<KindSource, never, Effect.Services<R[number]>>>),
      together
    )
  )

const together = (sources: ReadonlyArray<KindSource>): UpdateSourceShape => {
  const [first, ...others] = sources as readonly [KindSource, ...ReadonlyArray<KindSource>]
  if (others.length === 0)
    return {
      ...first,
      touched: (change) =>
        change.kind === first.kind || first.alsoTouchedBy?.includes(change.kind) ? first.touched(change) : [],
      serves: (pattern) => kindIn(pattern) === ""
    } // US2
  const byKind = new Map(sources.map((source) => [source.kind, source]))
  const touching = new Map<string, Array<KindSource>>()
  for (const source of sources)
    for (const kind of [source.kind, ...(source.alsoTouchedBy ?? [])])
      touching.set(kind, [...(touching.get(kind) ?? []), source])
  const of = (name: string): KindSource | undefined => {
    const kind = kindIn(name)
    return kind === "" ? first : byKind.get(kind)
  }
  return {
    target: (client, key) => of(key)?.target(client, key),
    standing: (client, key) => of(key)?.standing(client, key),
    known: (client, key, base) => of(key)?.known(client, key, base),
    build: (client, key, base) => of(key)?.build(client, key, base) ?? Effect.undefined,
    mark: (update) => (of(update.key) ?? first).mark(update),
    page: (environment, pattern, after, limit) => of(pattern)?.page(environment, pattern, after, limit) ?? [],
    ahead: (environment, pattern, after) => of(pattern)?.ahead?.(environment, pattern, after) ?? after,
    touched: (change) => touching.get(change.kind)?.flatMap((one) => [...one.touched(change)]) ?? [],
    serves: (pattern) => kindIn(pattern) !== first.kind && of(pattern) !== undefined, // US1
    remember: (revision) => {
      for (const source of sources) source.remember(revision)
    }
  }
}
