/**
 * Goes through the sessions with the events of propagation and with heartbeats.
 *
 *   RO1  A round takes one step for each session concerned, never one for each of its keys, and in slices: everything else goes on in
 *        between.
 *   RO2  Events are told in their order: the next waits until the one before was told to all.
 *   RO3  When the view becomes stale or is confirmed again, every live client that understands it hears so at once, not with the next
 *        heartbeat.
 *   RO4  News that meet a defect before everyone was told are made up for: all that a client has is compared with the view, as after a Reset.
 *   RO5  A client that is silent for too long is ended within a second of that: one look at all, and no timer of each. S3
 */
import { type Clock, Duration, Effect, Random } from "effect"
import type { Propagation, PropagationEvent } from "../propagation/Propagation.ts"
import { afterEvery, always } from "../telemetry/Every.ts"
import type { UpdateSourceShape } from "../updates/UpdateSource.ts"
import type { Slices } from "../work/Slices.ts"
import type { Here } from "./Connected.ts"
import type { makeControl } from "./Control.ts"
import type { makeDelivery } from "./Delivery.ts"
import type { Session } from "./Session.ts"

interface Parts {
  readonly here: Here
  readonly propagation: Propagation["Service"]
  readonly updates: UpdateSourceShape
  readonly delivery: ReturnType<typeof makeDelivery>
  readonly control: ReturnType<typeof makeControl>
  readonly slices: Slices
  readonly clock: Clock.Clock
  readonly heartbeatInterval: Duration.Input
  /** How long a client may be silent. S3 */
  readonly heartbeatTimeout: Duration.Input
}

/**
 * Milliseconds for which one change is pushed without a break. A thousand clients take less, so the last is sent to before the first is
 * answered to; of ten thousand, what was pushed is written and what came back is heard in between.
 */
const IN_ONE_GO = 30

export const makeRounds = Effect.fnUntraced(function* (parts: Parts) {
  const { here, propagation, updates, delivery, control, slices, clock, heartbeatInterval, heartbeatTimeout } = parts

  /** Which sessions have to look at which keys again. */
  const news = function* (event: Extract<PropagationEvent, { readonly _tag: "Committed" }>) {
    for (const change of event.revision.changes)
      for (const { environment, key } of updates.touched(change))
        for (const session of here.wanting(environment, key)) yield [session, key] as const
  }

  const committed = Effect.fnUntraced(function* (event: Extract<PropagationEvent, { readonly _tag: "Committed" }>) {
    updates.remember(event.revision)
    yield* Effect.yieldNow // the publisher is answered first
    let [told, since] = [0, performance.now()]
    for (const [session, key] of news(event)) {
      delivery.push(session, key)
      if (++told % 64 > 0 || performance.now() - since < IN_ONE_GO) continue
      yield* slices.turn // RO1
      since = performance.now()
    }
  })

  /** RO1 */
  const everyone = Effect.fnUntraced(function* (tell: (session: Session) => void) {
    for (const session of here.all()) {
      tell(session)
      if (slices.over()) yield* slices.turn
    }
  })

  const tell = (event: PropagationEvent) => {
    switch (event._tag) {
      case "Committed":
        return committed(event)
      case "Reset":
        return everyone(delivery.reset)
      case "Freshness":
        return everyone((session) => delivery.freshness(session, event.stale)) // RO3
    }
  }

  /** RO4 */
  const madeUpFor = (defect: unknown) =>
    Effect.andThen(Effect.logError("an event could not be told", defect), everyone(delivery.reset))

  const events = yield* propagation.events
  const toldOrCompared = Effect.flatMap(events, (event) => Effect.catchDefect(tell(event), madeUpFor))
  yield* Effect.forkScoped(always("an event could not be told", toldOrCompared)) // RO2

  const timeout = Duration.toNanosUnsafe(heartbeatTimeout)
  const endSilent = (session: Session): void => {
    const silent = clock.monotonicTimeNanosUnsafe() - session.heardAt
    if (!session.answers || silent < timeout) return
    session.end({ name: "SessionTimedOut", reason: `nothing was heard for ${silent / 1_000_000_000n} s` })
  }
  const silence = Effect.suspend(() => everyone(endSilent))
  yield* Effect.forkScoped(afterEvery("who is silent was not looked for", "1 second", silence))

  // One jittered round an interval, to clients that understand heartbeats.
  const interval = Duration.toMillis(heartbeatInterval)
  const untilBeat = Effect.flatMap(Random.next, (jitter) => Effect.sleep(interval * (0.9 + jitter * 0.1)))
  yield* Effect.forkScoped(afterEvery("the heartbeats could not be sent", untilBeat, everyone(control.ping)))
})
