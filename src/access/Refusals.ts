/**
 * Counts and logs what a door turns away before it costs anything.
 *
 *   RF1  Every refusal counts in `herald_refused_total`; a reason has at most one line a second in the log, with how often it came.
 */
import { Effect, Metric, type Scope } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, present } from "../telemetry/Metrics.ts"

export type DoorName = "http" | "grpc"

/** `reason`: one of `reasonsOf`, never a caller's text. `detail`: for the log, of the last one in a second. */
export type Refuse = (reason: string, detail?: string) => void

const total = counter(
  "herald_refused_total",
  "what the doors refused for a limit or for want of a token, by door and reason",
  []
)

/** Why each door refuses: docs/security.md. */
export const reasonsOf: Readonly<Record<DoorName, ReadonlyArray<string>>> = {
  http: [
    "client_certificate",
    "connections",
    "connections_of_address",
    "no_permission",
    "no_token",
    "open_requests_of_address",
    "origin",
    "pings",
    "pipelined",
    "protocol",
    "rate",
    "refused",
    "resets",
    "settings",
    "silence",
    "slow_message",
    "unread_in_all",
    "unread_of_connection",
    "unread_time"
  ],
  grpc: [
    "block",
    "client_certificate",
    "compression",
    "connections",
    "connections_of_address",
    "continuations",
    "early",
    "empty",
    "entries",
    "full",
    "late",
    "list",
    "malformed",
    "no_permission",
    "no_token",
    "open_calls",
    "open_calls_of_address",
    "open_calls_of_connection",
    "open_calls_time",
    "pings",
    "pipelined",
    "preface",
    "priorities",
    "provoked",
    "queued",
    "quota",
    "rate",
    "resets",
    "settings",
    "silence",
    "strangers",
    "streams",
    "tiny",
    "unknown",
    "unread_in_all",
    "unread_of_connection",
    "unread_time",
    "unsent",
    "unsent_in_all",
    "unsent_of_stream",
    "waiting",
    "waiting_of_address",
    "windows"
  ]
}

export const makeRefusals = (door: DoorName): Effect.Effect<Refuse, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const counters = new Map<string, ReturnType<typeof counterOf>>()
    const waiting = new Map<string, { times: number; detail: string }>()
    const counterOf = (reason: string) => Metric.withAttributes(total, { door, reason })
    present(
      context,
      reasonsOf[door].map((reason) => counterOf(reason))
    ) // MT1

    const say = Effect.suspend(() => {
      const lines = [...waiting]
      waiting.clear()
      return Effect.forEach(
        lines,
        ([reason, { times, detail }]) => Effect.logWarning("refused at the door", { door, reason, times, detail }),
        { discard: true }
      )
    })
    yield* Effect.forkScoped(afterEvery("refusals were not told", "1 second", say))

    return (reason, detail = "") => {
      let counter = counters.get(reason)
      if (counter === undefined) counters.set(reason, (counter = counterOf(reason)))
      counter.updateUnsafe(1, context)
      const before = waiting.get(reason)
      if (before === undefined) waiting.set(reason, { times: 1, detail: detail.slice(0, 200) })
      else before.times++
    }
  })
