/**
 * In which state a subscription is, as a node has heard of it. State, moved by Serving.
 *
 *   SO7  What was read of it before is no news to whoever came later: nothing that was read before a resume ends a consumer that came with it.
 */
import type { Standing } from "./CursorStore.ts"
import type { Dispatch } from "./Dispatch.ts"
import type { Body } from "./Gathered.ts"
import type { Seat } from "./Seat.ts"
import type { Subscription } from "./Subscription.ts"

type State = Pick<Subscription, "status" | "reason" | "pausedUntil" | "lastActivity">

export class Heard {
  readonly #machine: Dispatch<Body>
  /** When what was read last was so: milliseconds since 1970 by the store's clock. */
  #newest: number

  constructor(machine: Dispatch<Body>, { lastActivity }: Pick<Subscription, "lastActivity">) {
    this.#machine = machine
    this.#newest = lastActivity
  }

  /** What was read when a consumer came: it is not stopped. `skew`: milliseconds from the machine's clock to those since 1970. */
  coming({ status, reason, pausedUntil, lastActivity }: State, skew: number): void {
    if (lastActivity < this.#newest) return
    this.#newest = lastActivity
    if (this.#machine.status === "stopped")
      Object.assign(this.#machine, { status, reason, pausedUntil: pausedUntil === null ? null : pausedUntil - skew })
  }

  /** What the store says, when this node knew it as `before`. False: it is older than what is known. */
  standing({ subscription, now: at }: Standing, before: Subscription, now: number): boolean {
    const { status, reason, lastActivity, epoch, version } = subscription
    // Times are the store's, whose clock may have been set back. SI5
    const isCounted = epoch > before.epoch || version > before.version
    if (!isCounted && lastActivity < Math.max(before.lastActivity, this.#newest)) return false
    this.#newest = lastActivity
    const pausedUntil = subscription.pausedUntil === null ? null : subscription.pausedUntil - at + now
    // What was read before this node wrote that it is in error says nothing of it, but where that can't be written any more: SM6.
    const untold = this.#machine.status === "error" && before.status !== "error" && before.epoch === epoch
    if (!untold || status === "stopped") Object.assign(this.#machine, { status, reason, pausedUntil })
    return true
  }
}

/** All consumers of one that is stopped: what they had counts as no attempt. SO6 */
export const sendAway = (seats: Map<string, Seat>, machine: Dispatch<Body>, now: number): void => {
  for (const [session, seat] of [...seats]) {
    seat.offer({ is: "state", status: "stopped", blocked: "", reason: "" })
    seat.end("stopped")
    seats.delete(session)
    machine.leave(session, now, false)
  }
}
