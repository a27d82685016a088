/**
 * Memory for bodies.
 *
 *   B6  Bodies that are being read and parsed hold at most 64 MiB of this process in all, and those of one principal 48 MiB, however slowly
 *       they come: others still publish. One that would be more is told to come again.
 */
import { Effect } from "effect"
import { CurrentIdentity } from "../../access/Identity.ts"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"

/** Bytes. */
export const IN_ALL = 67_108_864
export const OF_ONE = 50_331_648
/** Milliseconds. */
const AGAIN = 1_000

/** Of the process, as memory is. */
let underWay = 0
const owners = new Map<string, number>()

const count = (owner: string, bytes: number): void => {
  underWay += bytes
  const its = (owners.get(owner) ?? 0) + bytes
  if (its > 0) owners.set(owner, its)
  else owners.delete(owner)
}

/** `bytes`: how long the body is, or may be. */
export const reading = <A, E, R>(bytes: number, read: Effect.Effect<A, E, R>): Effect.Effect<A, E | HeraldError, R> =>
  Effect.flatMap(CurrentIdentity, (identity): Effect.Effect<A, E | HeraldError, R> => {
    const owner = identity?.name ?? ""
    const its = owners.get(owner) ?? 0
    const all = underWay > 0 && underWay + bytes > IN_ALL
    if (all || (its > 0 && its + bytes > OF_ONE)) {
      const message = `the server is reading ${all ? underWay : its} bytes of other requests${all ? "" : " of yours"}`
      return Effect.fail(failure("RateLimited", message, { details: { retryAfterMillis: AGAIN } }))
    }
    count(owner, bytes)
    return Effect.ensuring(
      read,
      Effect.sync(() => count(owner, -bytes))
    )
  })
