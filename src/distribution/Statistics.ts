/**
 * The use case of those who ask how a topic was used. It checks `CurrentIdentity`.
 *
 *   GS5  Whoever may read a topic is told: at most `POINTS` points and `DELIVERIES` deliveries, whatever time it is of.
 *   GS6  A long time is read as much as a short one is: what is kept is bounded (STATISTICS_TIME), nobody asks for more, and a node reads for one who asks
 *        at a time; principals take turns. Of the others a bounded number waits, for so long, and of one principal a part of them.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { CurrentIdentity } from "../access/Identity.ts"
import { Places } from "../access/Places.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { duration } from "../settings/Form.ts"
import { Topics } from "../topics/Topics.ts"
import { makeTurns } from "../work/Turns.ts"
import { type Kept, StatisticsStore } from "./StatisticsStore.ts"

/** GS5 */
export const POINTS = 120
export const DELIVERIES = 100
const MINUTE = 60_000
/** Who has a turn or waits for one, in all and of one principal; and for how long until he is told. GS6 */
const [WAITING, ITS] = [32, 8] as const
const PATIENCE = "20 seconds"

const busy = failure("ReadsBusy", "too many wait for statistics of topics on this node", {
  details: { retryAfterMillis: 1_000 }
})

export interface StatisticsOptions {
  /** For how long they are kept. */
  readonly keepMillis: number
}

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
    /** `lastMillis`: how far back. Fails `InvalidInput`, `Forbidden`, `NoSuchTopic`, `ReadsBusy`, and as the store. GS5 */
    readonly of: (topic: string, lastMillis: number) => Effect.Effect<Told, HeraldError>
  }
>()("herald/distribution/Statistics") {
  static readonly layer = (options: StatisticsOptions) => Layer.effect(Statistics, make(options))
}

const make = Effect.fnUntraced(function* ({ keepMillis }: StatisticsOptions) {
  const topics = yield* Topics
  const store = yield* StatisticsStore
  const places = new Places([WAITING, ITS])
  const turns = makeTurns(1, 1)

  /** GS6 */
  const inTurn = <A>(read: Effect.Effect<A, HeraldError>): Effect.Effect<A, HeraldError> =>
    Effect.gen(function* () {
      const identity = yield* CurrentIdentity
      const place = places.take("", identity?.name)
      if (typeof place === "number") return yield* busy
      return yield* turns
        .of(identity?.name ?? "")(read)
        .pipe(
          Effect.timeoutOrElse({ duration: PATIENCE, orElse: () => Effect.fail(busy) }),
          Effect.ensuring(Effect.sync(place))
        )
    })

  return Statistics.of({
    of: Effect.fn("Statistics.of")(function* (name: string, lastMillis: number) {
      const { id } = yield* topics.get(name)
      if (lastMillis < MINUTE || lastMillis > keepMillis)
        return yield* failure("InvalidInput", `since: from 1m to ${duration.show(keepMillis)}, for which it is kept`)
      const width = MINUTE * Math.max(1, Math.ceil(lastMillis / MINUTE / (POINTS - 1)))
      const asked = (yield* Clock.currentTimeMillis) - lastMillis
      const since = asked - (asked % width)
      const kept = yield* inTurn(store.read({ topic: id, since, width, limit: DELIVERIES }))
      return { ...kept, topic: name, since, width }
    })
  })
})
