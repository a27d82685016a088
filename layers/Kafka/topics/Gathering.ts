/** Gathers what waits for a partition into what is written at once. */
import { Clock, Effect } from "effect"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import { judge, type Outcome } from "../../../src/topics/Batch.ts"
import type { Holding } from "./Holding.ts"
import { end, giveUp, type Waiting } from "./Waiting.ts"

/** Events and bytes of a round: one batch more than these at most. */
const ROUND_EVENTS = 2_000
const ROUND_BYTES = 1_048_576

/** Takes from the head of what waits; what is there already or refused is answered. */
export const gather = (queue: Array<Waiting>, holding: Holding, epoch: number): Effect.Effect<ReadonlyArray<Waiting>> =>
  Effect.gen(function* () {
    const batches: Array<Waiting> = []
    /** The next sequence of producers that are in this round. */
    const next = new Map<string, number>()
    let [events, bytes] = [0, 0]
    while (queue.length > 0 && events < ROUND_EVENTS && bytes < ROUND_BYTES) {
      const one = queue[0]!
      if (one.left) {
        queue.shift()
        continue
      }
      if (one.alone && batches.length > 0) break
      const { producing } = one
      if (producing !== undefined) {
        const follows = next.get(producing.producer)
        if (follows !== undefined && follows !== producing.sequence) break // judged once those before it are there
        if (follows === undefined) {
          const its = yield* Effect.result(judged(holding, one, epoch))
          if (its._tag === "Failure") {
            queue.shift()
            giveUp([one], its.failure)
            continue
          }
          if (its.success !== undefined) {
            queue.shift()
            end(one, Effect.succeed(its.success))
            continue
          }
        } else if (holding.holds.get(producing.producer)?.known.epoch !== producing.epoch) break
        next.set(producing.producer, one.producing!.sequence + one.events.count)
      }
      queue.shift()
      one.sent = true
      batches.push(one)
      events += one.events.count
      bytes += one.events.bytes.length
      if (one.alone) break
    }
    return batches
  })

/** Undefined: it is to be appended, without what is there. */
const judged = (holding: Holding, one: Waiting, epoch: number): Effect.Effect<Outcome | undefined, HeraldError> =>
  Effect.gen(function* () {
    const producing = one.producing!
    const { producer } = producing
    const held = holding.holds.get(producer)
    let found = judge(held?.known, producing, one.events.count)
    if (found.is !== "fresh") found = judge((yield* holding.acquire(producer))?.known, producing, one.events.count)
    if (found.is !== "fresh") return found
    one.cut(found.there, found.skip)
    return one.events.count > 0
      ? undefined
      : {
          is: "placed" as const,
          epoch: epoch,
          placed: one.there,
          at: (yield* Clock.Clock).currentTimeMillisUnsafe()
        }
  })
