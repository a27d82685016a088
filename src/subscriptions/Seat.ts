/** A consumer that is connected to this node, as it is served: what is on its way to it, bounded in bytes. */
import { Effect, Queue } from "effect"
import type { GapReason } from "../topics/Piece.ts"
import type { Refused } from "./Answer.ts"
import type { SubscriptionStatus } from "./Subscription.ts"
import type { Blocked } from "./Turn.ts"

/** Bytes on the way to one consumer; then it gets nothing until it has taken some. */
const BYTES = 2_097_152
/** Bytes with answers to what it says, which it does not take: it is sent away. */
const MOST = 8 * BYTES
/** Bytes that something small counts as. */
const SMALL = 64

export type Ending = "slow" | "replaced" | "deleted" | "stopped"

export interface Event {
  readonly offset: number
  /** From 1. */
  readonly attempt: number
  /** When it came: milliseconds since 1970. */
  readonly at: number
  /** As it is in the log: `messageOf` reads it. */
  readonly event: Uint8Array
}

export type Output =
  | {
      readonly is: "delivery"
      readonly token: number
      readonly partition: number
      readonly logEpoch: number
      readonly events: ReadonlyArray<Event>
      /** Everything of the partition below it is done for good, whoever had it; 0: not known here. */
      readonly floor: number
      /** The subscription's: grows when its position is set anew. */
      readonly epoch: number
    }
  | {
      readonly is: "gap"
      readonly partition: number
      readonly logEpoch: number
      readonly from: number
      readonly to: number
      readonly why: GapReason
    }
  /** `reason`: why it is in error; empty otherwise. */
  | { readonly is: "state"; readonly status: SubscriptionStatus; readonly blocked: Blocked; readonly reason: string }
  | { readonly is: "refused"; readonly refused: Refused }
  /** Answers with this receipt are durable. */
  | { readonly is: "durable"; readonly receipt: number }
  /** Nobody knows whether they are. */
  | { readonly is: "lost"; readonly receipt: number }
  /** To be handed in: what it has of the key of this event, and has not begun. `hash`: of that key, 0 for events without one. */
  | {
      readonly is: "recall"
      readonly partition: number
      readonly logEpoch: number
      readonly offset: number
      readonly hash: number
    }
  /** There is nothing more to come: it comes again, or gives up. */
  | { readonly is: "ended"; readonly why: Ending }

const bytesOf = (output: Output): number =>
  output.is === "delivery" ? output.events.reduce((sum, { event }) => sum + event.length + SMALL, SMALL) : SMALL

export class Seat {
  readonly session: string
  /** Which consumer it is over all of its connections; 0: not known. */
  readonly life: number
  readonly #queue = Effect.runSync(Queue.unbounded<Output>())
  readonly #wake: () => void
  #bytes = 0
  #ended = false

  constructor(session: string, life: number, wake: () => void) {
    this.session = session
    this.life = life
    this.#wake = wake
  }

  get isFull(): boolean {
    return this.#bytes > BYTES
  }

  get isEnded(): boolean {
    return this.#ended
  }

  offer(output: Output): void {
    if (this.#ended) return
    this.#bytes += bytesOf(output)
    if (this.#bytes > MOST) this.end("slow")
    else Queue.offerUnsafe(this.#queue, output)
  }

  end(why: Ending): void {
    if (this.#ended) return
    this.#ended = true
    Queue.offerUnsafe(this.#queue, { is: "ended", why })
    this.#wake()
  }

  /** Waits until there is something. */
  readonly take: Effect.Effect<ReadonlyArray<Output>> = Effect.suspend(() =>
    Effect.map(Queue.takeAll(this.#queue), (outputs) => {
      const wasFull = this.isFull
      for (const output of outputs) if (output.is !== "ended") this.#bytes -= bytesOf(output)
      if (wasFull && !this.isFull) this.#wake()
      return outputs
    })
  )
}
