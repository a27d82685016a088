/**
 * Counts what sessions do in plain numbers, and writes them to the metric registry once a second: a thousand deliveries cost a thousand
 * additions.
 *
 *   TE1  The time since the commit is measured only for what was committed while the client was connected: what it finds when it comes is
 *        not latency.
 */
import { Effect, Metric } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { Exemplars, makeNote } from "../telemetry/Exemplars.ts"
import { counter, each, gauge, histogram } from "../telemetry/Metrics.ts"
import type { Mark } from "../updates/Update.ts"
import { endings } from "./Ending.ts"

type Timed = Pick<Mark, "committedAt" | "traceparent">

/** Latencies that wait for the registry; when there are so many, they are written at once. */
const WAITING = 10_000

interface Since {
  /** Milliseconds since 1970, this node's clock. */
  readonly connectedAt: number
}

export const makeCounts = Effect.fnUntraced(function* (size: () => number, lagging: () => number) {
  const context = yield* Effect.context<never>()
  let [delivered, applied, rejected, ignored] = [0, 0, 0, 0]
  const waiting = { delivered: [] as Array<number>, applied: [] as Array<number> }
  const exemplars = yield* Exemplars
  const notes = {
    delivered: makeNote(exemplars, commitToDelivered.id, boundaries),
    applied: makeNote(exemplars, commitToApplied.id, boundaries)
  }

  const writeLatencies = (of: keyof typeof waiting) => {
    const metric = of === "delivered" ? commitToDelivered : commitToApplied
    for (const seconds of waiting[of]) metric.updateUnsafe(seconds, context)
    waiting[of].length = 0
    notes[of].next()
  }

  /** TE1. Wrong by as much as the two clocks differ; a negative time counts as 0. */
  const late = (of: keyof typeof waiting, update: Timed, { connectedAt }: Since, now: number) => {
    const { committedAt, traceparent } = update
    if (committedAt < connectedAt) return
    const seconds = Math.max(0, now - committedAt) / 1_000
    notes[of].note(seconds, traceparent, now)
    if (waiting[of].push(seconds) >= WAITING) writeLatencies(of)
  }

  const write = Effect.suspend(() => {
    const outcomes = Object.entries({ applied, rejected, ignored })
    const sent = delivered
    applied = rejected = ignored = delivered = 0
    writeLatencies("delivered")
    writeLatencies("applied")
    return Effect.forEach(
      outcomes,
      ([outcome, n]) => Metric.update(Metric.withAttributes(answersTotal, { outcome }), n),
      { discard: true }
    ).pipe(
      Effect.andThen(Metric.update(sessions, size())),
      Effect.andThen(Metric.update(laggingGauge, lagging())),
      Effect.andThen(Metric.update(deliveriesTotal, sent))
    )
  })
  yield* Effect.forkScoped(afterEvery("what sessions did was not counted", "1 second", write))

  return {
    /** Handed to the client's transport. `now`: milliseconds since 1970. */
    delivered: (update: Timed, since: Since, now: number): void => {
      delivered++
      late("delivered", update, since, now)
    },
    applied: (update: Timed, since: Since, now: number): void => {
      applied++
      late("applied", update, since, now)
    },
    rejected: (): void => void rejected++,
    /** An answer to something that was never sent. */
    ignored: (): void => void ignored++,
    ended: (reason: string): void => Metric.withAttributes(ended, { reason }).updateUnsafe(1, context)
  }
})

const boundaries = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30
] as const
const commitToDelivered = histogram(
  "herald_commit_to_delivered_seconds",
  "from the commit, by the database's clock, to the hand-over to the client's transport, by this node's clock",
  boundaries
)
const commitToApplied = histogram(
  "herald_commit_to_applied_seconds",
  "from the commit, by the database's clock, to the client's answer that it applied the value, by this node's clock",
  boundaries
)
const ended = counter(
  "herald_session_endings_total",
  "sessions that ended, by reason",
  each("reason", Object.keys(endings))
)
const answersTotal = counter(
  "herald_answers_total",
  "what clients did with updates",
  each("outcome", ["applied", "rejected", "ignored"])
)
const deliveriesTotal = counter("herald_deliveries_total", "updates handed to the clients' transports")
const sessions = gauge("herald_sessions", "connected clients")
const laggingGauge = gauge(
  "herald_sessions_lagging",
  "connected clients that for 5 s have not applied all that they should have"
)
