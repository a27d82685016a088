/**
 * The use case of those who ask how a topic was used. It checks `CurrentIdentity`.
 *
 *   GS5  Whoever may read a topic is told: at most `POINTS` points and `DELIVERIES` deliveries, whatever time it is of.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Topics } from "../topics/Topics.ts"
import { type Kept, StatisticsStore } from "./StatisticsStore.ts"

/** GS5 */
export const POINTS = 120
export const DELIVERIES = 100
const MINUTE = 60_000
/** Milliseconds. */
const LONGEST = 366 * 86_400_000

export interface Told extends Kept {
  readonly topic: string
  /** Milliseconds since 1970. */
  readonly since: number
  /** Milliseconds of a point. */
  readonly width: number
}

export class Statistics extends Context.Service<
  Statistics,
  {
    /** `lastMillis`: how far back. Fails `InvalidInput`, `Forbidden`, `NoSuchTopic`, and as the store. GS5 */
    readonly of: (topic: string, lastMillis: number) => Effect.Effect<Told, HeraldError>
  }
>()("herald/distribution/Statistics") {
  static readonly layer = Layer.effect(
    Statistics,
    Effect.gen(function* () {
      const topics = yield* Topics
      const store = yield* StatisticsStore
      return Statistics.of({
        of: Effect.fn("Statistics.of")(function* (name: string, lastMillis: number) {
          const { id } = yield* topics.get(name)
          if (lastMillis < MINUTE || lastMillis > LONGEST)
            return yield* failure("InvalidInput", "since: from 1m to 366d")
          const since = (yield* Clock.currentTimeMillis) - lastMillis
          const width = MINUTE * Math.max(1, Math.ceil(lastMillis / MINUTE / (POINTS - 1)))
          return { ...(yield* store.read({ topic: id, since, width, limit: DELIVERIES })), topic: name, since, width }
        })
      })
    })
  )
}
