/**
 * Publishes to the event log which clients come and go. Each node does so for its own.
 *
 *   EV6  Noting an event never waits; of those that can't be published the newest `WAITING` are kept, the rest is dropped and counted.
 */
import { Context, Effect, Layer, Metric, Queue } from "effect"
import { Seal } from "../seals/Seal.ts"
import { always } from "../telemetry/Every.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { type ClientEvent, clientEvent } from "./Event.ts"
import { EventLog } from "./EventLog.ts"
import { sealed } from "./Sealed.ts"

/** Where sessions note their comings and goings; without an event log nothing becomes of that. */
export const ClientEvents = Context.Reference<{ readonly note: (event: ClientEvent) => void }>(
  "herald/outbox/ClientEvents",
  { defaultValue: () => ({ note: () => undefined }) }
)

export const WAITING = 10_000
const PAGE = 500
/** Clients come and go in crowds: this gathers them into one publish. */
const GATHER = "1 second"
const AGAIN = "5 seconds"

const make = Effect.fnUntraced(function* (node: string) {
  const log = yield* EventLog
  const seal = yield* Seal
  const wake = yield* Queue.sliding<void>(1)
  const run = globalThis.crypto.randomUUID()
  let waiting: Array<{ readonly id: string; readonly event: ClientEvent }> = []
  let count = 0
  let dropped = 0

  const bound = () => {
    const over = waiting.length - WAITING
    if (over <= 0) return
    waiting = waiting.slice(over)
    dropped += over
  }

  const note = (event: ClientEvent) => {
    waiting.push({ id: `${node}/${run}/${++count}`, event })
    if (waiting.length > WAITING * 1.1) bound() // EV6: some slack, so that not every event costs a copy
    Queue.offerUnsafe(wake, undefined)
  }

  const publish = Effect.gen(function* () {
    const page = waiting.slice(0, PAGE)
    if (page.length === 0) return
    waiting = waiting.slice(PAGE)
    yield* log.publish(page.map(({ id, event }) => clientEvent(id, node, event)).map(sealed(seal))).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          waiting = [...page, ...waiting]
          bound()
        })
      )
    )
    yield* Metric.update(Metric.withAttributes(published, { kind: "client" }), page.length)
  })

  yield* Queue.take(wake).pipe(
    Effect.andThen(Effect.sleep(GATHER)),
    Effect.andThen(Effect.whileLoop({ while: () => waiting.length > 0, body: () => publish, step: () => undefined })),
    Effect.catch((error) =>
      Effect.logDebug("events of clients wait", { code: error.code, reason: error.message }).pipe(
        Effect.andThen(Effect.sleep(AGAIN)),
        Effect.andThen(Effect.sync(() => Queue.offerUnsafe(wake, undefined)))
      )
    ),
    Effect.andThen(
      Effect.suspend(() => {
        const n = dropped
        dropped = 0
        return n === 0 ? Effect.void : Metric.update(droppedTotal, n)
      })
    ),
    (work) => Effect.forkScoped(always("events of clients were not published", work))
  )
  return { note }
})

export const layer = ({ node }: { readonly node: string }) => Layer.effect(ClientEvents, make(node))

export const published = counter(
  "herald_events_published_total",
  "events in the event log",
  each("kind", ["configuration", "client"])
)
const droppedTotal = counter(
  "herald_client_events_dropped_total",
  "events of clients that the event log did not take in time"
)
