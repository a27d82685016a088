/**
 * What readers who come ask a log, of many at once.
 *
 *   BX38 However many come at once, one question of how far topics go is under way, for all of them: whoever comes meanwhile is answered by the next, as of
 *        after it came. Those who ask for the same time share an answer.
 */
import { Effect, Exit, type Scope } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Place } from "../topics/MessageId.ts"
import { type Bounds, type PartitionId, partitionKey } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"

type Answer<A> = (exit: Exit.Exit<A, HeraldError>) => void

export interface Asking {
  readonly bounds: (topic: number) => Effect.Effect<ReadonlyArray<Bounds>, HeraldError>
  readonly find: (id: PartitionId, time: number) => Effect.Effect<Place | undefined, HeraldError>
}

export const makeAsking = Effect.fnUntraced(function* (log: Log): Effect.fn.Return<Asking, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const fork = <A>(question: Effect.Effect<A, HeraldError>, then: Answer<A>) =>
    void Effect.runForkWith(context)(
      Effect.forkIn(Effect.onExit(question, (exit) => Effect.sync(() => then(exit))).pipe(Effect.exit), scope)
    )
  let waiting = new Map<number, Array<Answer<ReadonlyArray<Bounds>>>>()
  let isAsked = false

  const next = (): void => {
    const its = waiting
    waiting = new Map()
    isAsked = its.size > 0
    if (!isAsked) return
    const unknown = new Map<number, HeraldError>()
    fork(
      log.bounds([...its.keys()], (topic, why) => unknown.set(topic, why)),
      (exit) => {
        const found = Exit.map(exit, (all) => Map.groupBy(all, ({ topic }) => topic))
        for (const [topic, answers] of its) {
          const why = unknown.get(topic) // TL7
          const own = why ? Exit.fail(why) : Exit.map(found, (all): ReadonlyArray<Bounds> => all.get(topic) ?? [])
          for (const answer of answers) answer(own)
        }
        next()
      }
    )
  }

  const times = new Map<string, Array<Answer<Place | undefined>>>()

  return {
    bounds: (topic) =>
      Effect.callback((resume) => {
        const its = waiting.get(topic)
        if (its === undefined) waiting.set(topic, [resume])
        else its.push(resume)
        if (!isAsked) next()
      }),
    find: (id, time) =>
      Effect.callback((resume) => {
        const key = `${partitionKey(id)}/${time}`
        const its = times.get(key)
        if (its !== undefined) return void its.push(resume)
        times.set(key, [resume])
        fork(log.find(id, time), (exit) => {
          const all = times.get(key) ?? []
          times.delete(key)
          for (const answer of all) answer(exit)
        })
      })
  }
})
