/** What a node knows of scheduled changes: that there is something new. What there is, the store says. */
import { Context, Effect, Layer, Queue } from "effect"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import type { View } from "../propagation/View.ts"
import type { Schedule } from "./Schedule.ts"

export class ScheduleView extends Context.Service<
  ScheduleView,
  View<Schedule> & {
    /** Waits until something was scheduled since it was last waited for. For one who waits. */
    readonly news: Effect.Effect<void>
  }
>()("herald/schedules/ScheduleView") {
  static readonly layer = Layer.effect(
    ScheduleView,
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const told = yield* Queue.sliding<void>(1)
      const tell = () => void Queue.offerUnsafe(told, undefined)
      return ScheduleView.of({
        kind: "schedule",
        read: Effect.map(log.head, (at) => ({ from: at, newest: at, catchUp: () => {}, begin: tell })),
        apply: tell,
        committed: () => {},
        forget: () => {},
        news: Queue.take(told)
      })
    })
  )
}
