/**
 * Puts reads of single values together into few questions to the database: what is asked for while some are on their way goes with the next.
 *
 *   TG1  A question is for at most `MOST` keys, and few are on their way at the same time: a thousand clients that come to values nobody
 *        read yet cost a fraction of a thousand questions.
 *   TG2  What a question brought of a page (PB1) is handed out, and the rest asked for next.
 *   TG3  A question is of one epoch, and as new as the newest that it is asked for.
 */
import { Deferred, Effect, Exit, type Scope } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { isNewer, type Position, sameEpoch } from "../propagation/Position.ts"
import type { Configuration, Head } from "./Configuration.ts"
import type { ConfigurationStore } from "./ConfigurationStore.ts"

/** Keys in one question. */
const MOST = 200
/** Questions that are on their way at the same time, each with a page of values. */
const LANES = 4

interface Asked {
  readonly head: Head
  readonly wanted: Position
  readonly found: Deferred.Deferred<Configuration | undefined, HeraldError>
}

/** `current` as the store's, as of `wanted` or later. Its questions end with the scope. */
export const makeTogether = Effect.fnUntraced(function* (
  store: Pick<ConfigurationStore["Service"], "currents">
): Effect.fn.Return<
  (head: Head, wanted: Position) => Effect.Effect<Configuration | undefined, HeraldError>,
  never,
  Scope.Scope
> {
  const scope = yield* Effect.scope
  let waiting: Array<Asked> = []
  let lanes = 0

  /** TG1, TG3 */
  const take = (): ReadonlyArray<Asked> => {
    const taken: Array<Asked> = []
    const left: Array<Asked> = []
    for (const one of waiting)
      if (taken.length < MOST && sameEpoch(one.wanted, taken[0]?.wanted ?? one.wanted)) taken.push(one)
      else left.push(one)
    waiting = left
    return taken
  }

  const ask = Effect.fnUntraced(function* (reads: ReadonlyArray<Asked>) {
    const newest = reads.map(({ wanted }) => wanted).reduce((one, other) => (isNewer(other, one) ? other : one))
    const asked = yield* Effect.exit(
      store.currents(
        reads.map(({ head }) => head),
        newest
      )
    )
    if (asked._tag === "Failure") {
      for (const { found } of reads) Deferred.doneUnsafe(found, Exit.failCause(asked.cause))
      return
    }
    const { value } = asked
    for (const [i, { found }] of reads.slice(0, value.length).entries())
      Deferred.doneUnsafe(found, Exit.succeed(value[i]))
    waiting = [...reads.slice(value.length), ...waiting] // TG2
  })

  const lane = Effect.gen(function* () {
    while (waiting.length > 0) yield* ask(take())
    lanes-- // before anything else can ask: it would wait for a lane that has ended
  })

  return (head, wanted) =>
    Effect.suspend(() => {
      const one: Asked = { head, wanted, found: Deferred.makeUnsafe() }
      waiting.push(one)
      const answer = Deferred.await(one.found)
      if (lanes >= LANES) return answer
      lanes++
      return Effect.andThen(Effect.forkIn(lane, scope), answer)
    })
})
