/**
 * Ends what this node's ephemeral topics keep no longer, and forgets those that were deleted.
 *
 *   MR4  An event is read for as long as its topic says, and `EVERY` longer at most.
 */
import { Clock, Effect, Layer } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { EphemeralLog } from "./EphemeralLog.ts"
import { TopicStore } from "./TopicStore.ts"

const EVERY = "5 seconds"

export const ephemeralKeeping = Layer.effectDiscard(
  Effect.gen(function* () {
    const log = yield* EphemeralLog
    const store = yield* TopicStore
    const clock = yield* Clock.Clock
    const keep = Effect.gen(function* () {
      const held = yield* log.topics // before the store is asked: what it does not have then is gone
      if (held.length === 0) return
      const kept = new Map((yield* store.kept("ephemeral")).map(({ id, millis }) => [id, millis]))
      const [there, gone] = [held.filter((id) => kept.has(id)), held.filter((id) => !kept.has(id))]
      yield* Effect.forEach(gone, log.forget, { discard: true })
      for (const one of yield* log.bounds(there)) {
        const millis = kept.get(one.topic) ?? null
        if (millis === null) continue
        const place = yield* log.find(one, clock.currentTimeMillisUnsafe() - millis)
        if (place !== undefined && place.offset > one.first) yield* log.trim(one, place.offset) // MR4
      }
    })
    yield* Effect.forkScoped(afterEvery("what ephemeral topics keep was not looked at", EVERY, keep))
  })
)
