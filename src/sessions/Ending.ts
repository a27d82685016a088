/**
 * Why a session ends: one table, used for the metric, the log, the wire and the stored instance alike.
 *
 *   N1  Every session ends with exactly one row of this table.
 */
import type { ErrorName } from "../errors/Catalogue.ts"

export type EndingName =
  | "Closed"
  | Extract<
      ErrorName,
      | "Draining"
      | "SessionReplaced"
      | "InstanceOwned"
      | "SessionTimedOut"
      | "ClientUnresponsive"
      | "SessionCrashed"
      | "KeyRevoked"
      | "CredentialEnded"
      | "ServerFull"
      | "TooManySubscriptions"
    >

/** now: reconnect at once with jitter · backoff: with growing delay · no: a person must act first. */
export type ReconnectAdvice = "now" | "backoff" | "no"

export interface Ending {
  readonly name: EndingName
  readonly reason: string
  /** Of `Closed`: the call broke off. A client that knows the protocol closes its half of it to leave. */
  readonly broke?: true
}

export const endings: Record<
  EndingName,
  {
    readonly reconnect: ReconnectAdvice
    readonly state: "disconnected" | "timed_out"
    /** Another session has the instance now, and says how it is. */
    readonly taken?: true
  }
> = {
  Closed: { reconnect: "backoff", state: "disconnected" },
  Draining: { reconnect: "now", state: "disconnected" },
  SessionReplaced: { reconnect: "no", state: "disconnected", taken: true },
  InstanceOwned: { reconnect: "backoff", state: "disconnected", taken: true },
  SessionTimedOut: { reconnect: "now", state: "timed_out" },
  ClientUnresponsive: { reconnect: "backoff", state: "timed_out" },
  SessionCrashed: { reconnect: "backoff", state: "disconnected" },
  KeyRevoked: { reconnect: "no", state: "disconnected" },
  CredentialEnded: { reconnect: "now", state: "disconnected" },
  ServerFull: { reconnect: "backoff", state: "disconnected" },
  TooManySubscriptions: { reconnect: "backoff", state: "disconnected" }
}

/** Whether nobody knows how the client is: its connection broke, or it fell silent. Everyone else left by itself, or was told to go. */
export const isGone = ({ name, broke }: Ending): boolean => broke === true || endings[name].state === "timed_out"

export const isTaken = ({ name }: Ending): boolean => endings[name].taken === true
