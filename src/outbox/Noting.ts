/**
 * Publishes to the event log what this node notes in passing. Each node does so for its own.
 *
 *   EV6  Noting an event never waits; of those that can't be published the newest `WAITING` are kept, the rest is dropped and counted.
 */
import { Effect, Metric, Queue } from "effect"
import { Seal } from "../seals/Seal.ts"
import { always } from "../telemetry/Every.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import type { LogEvent } from "./Event.ts"
import { EventLog } from "./EventLog.ts"
import { sealed } from "./Sealed.ts"

export const WAITING = 10_000
const PAGE = 500
/** Events come in crowds: this gathers them into one publish. */
const GATHER = "1 second"
const AGAIN = "5 seconds"

export interface NotingOptions<A> {
  /** Of the node, by which its events have ids that nothing else has. */
  readonly node: string
  /** What they are, in a sentence of the log. */
  readonly what: string
  readonly kind: "client" | "distribution"
  /** `id` is unique. */
  readonly eventOf: (id: string, event: A) => LogEvent
  readonly dropped: Metric.Counter<number>
}

export const makeNoting = Effect.fnUntraced(function* <A>({ node, what, kind, eventOf, dropped }: NotingOptions<A>) {
  const log = yield* EventLog
  const seal = yield* Seal
  const wake = yield* Queue.sliding<void>(1)
  const run = globalThis.crypto.randomUUID()
  let waiting: Array<{ readonly id: string; readonly event: A }> = []
  let count = 0
  let lost = 0

  const bound = () => {
    const over = waiting.length - WAITING
    if (over <= 0) return
    waiting = waiting.slice(over)
    lost += over
  }

  const note = (event: A) => {
    waiting.push({ id: `${node}/${run}/${++count}`, event })
    if (waiting.length > WAITING * 1.1) bound() // EV6: some slack, so that not every event costs a copy
    Queue.offerUnsafe(wake, undefined)
  }

  const publish = Effect.gen(function* () {
    const page = waiting.slice(0, PAGE)
    if (page.length === 0) return
    waiting = waiting.slice(PAGE)
    yield* log.publish(page.map(({ id, event }) => eventOf(id, event)).map(sealed(seal))).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          waiting = [...page, ...waiting]
          bound()
        })
      )
    )
    yield* Metric.update(Metric.withAttributes(published, { kind }), page.length)
  })

  yield* Queue.take(wake).pipe(
    Effect.andThen(Effect.sleep(GATHER)),
    Effect.andThen(Effect.whileLoop({ while: () => waiting.length > 0, body: () => publish, step: () => undefined })),
    Effect.catch((error) =>
      Effect.logDebug(`${what} wait`, { code: error.code, reason: error.message }).pipe(
        Effect.andThen(Effect.sleep(AGAIN)),
        Effect.andThen(Effect.sync(() => Queue.offerUnsafe(wake, undefined)))
      )
    ),
    Effect.andThen(
      Effect.suspend(() => {
        const n = lost
        lost = 0
        return n === 0 ? Effect.void : Metric.update(dropped, n)
      })
    ),
    (work) => Effect.forkScoped(always(`${what} were not published`, work))
  )
  return { note }
})

export const published = counter(
  "herald_events_published_total",
  "events in the event log",
  each("kind", ["configuration", "client", "distribution"])
)
