/**
 * Port: where events go that can never be handled, so that those behind them can be. People read and replay them: docs/events.md.
 *
 *   DL1  A letter is the message as it came, with who gave it up, why, and where it was; a broker takes it however large the message was.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Received } from "./Received.ts"

export interface DeadLetter {
  readonly received: Received
  readonly group: string
  /** A word for machines, such as `wrong_shape`. */
  readonly reason: string
  /** For people. */
  readonly why: string
  /** Which of several addressees did not get it; "" where there is one. */
  readonly target: string
}

export class DeadLetters extends Context.Service<
  DeadLetters,
  {
    /** Returns once they are durable; a letter may be there twice. Fails `EventLogUnavailable` within a bounded time. */
    readonly put: (letters: ReadonlyArray<DeadLetter>) => Effect.Effect<void, HeraldError>
  }
>()("herald/consumers/DeadLetters") {}

/** Bytes of a body that are kept; the whole is in the topic, at the letter's partition and offset. */
const KEPT_BODY = 65_536
/** Bytes of a key, and characters of a header. */
const KEPT_TEXT = 1_024
const CARRIED = /^(ce_[a-z0-9]{1,20}|content-type|traceparent)$/

/** What is written: the message as it came, with `dead_…` headers. */
export const written = ({ received, group, reason, why, target }: DeadLetter) => {
  const said: Record<string, string> = {
    dead_group: group,
    dead_reason: reason,
    dead_why: why.slice(0, KEPT_TEXT),
    dead_partition: String(received.partition),
    dead_offset: received.offset
  }
  const { key, body, headers } = received
  if (target !== "") said["dead_target"] = target
  if (body !== null && body.length > KEPT_BODY) said["dead_cut_from"] = String(body.length)
  const carried = Object.entries(headers).filter(([name]) => CARRIED.test(name))
  return {
    key: key === null ? null : key.subarray(0, KEPT_TEXT),
    body: body === null ? null : body.subarray(0, KEPT_BODY),
    headers: { ...Object.fromEntries(carried.map(([name, value]) => [name, value.slice(0, KEPT_TEXT)])), ...said }
  }
}
