/** How a reader is asked for, and what it gives. */
import type { Ended } from "../Transport.ts"
import type { Received } from "./Event.ts"
import type { From } from "./From.ts"

/** Events that there are no more, or that a slow reader was not sent. */
export interface TopicGap {
  readonly partition: number
  readonly epoch: number
  readonly from: number
  /** The first that there is. */
  readonly to: number
  /**
   * "retention", "corrupt", "epoch", "overflow", "unfit": another program put it into Kafka, and it has more than an event may have. "empty": nothing is
   * missing, as no event ever had these offsets.
   */
  readonly why: string
}

/** Events of one partition, in order. */
export interface TopicBatch {
  readonly partition: number
  readonly epoch: number
  readonly events: ReadonlyArray<Received>
  /** Everything below it has been looked at. */
  readonly next: number
  /** With `overflow` "conflate" or "drop-oldest": events that were left out before these. */
  readonly leftOut: number
}

/** The filter is true of `matched`. Of what is not counted below it is false. */
export interface FilterFigures {
  readonly looked: number
  readonly matched: number
  /** The event has no value, or one of another type, for a field that the filter needs. */
  readonly missing: number
  /** It ended with an error. */
  readonly failed: number
  /** It would have cost too much. */
  readonly costly: number
  /** The field that the last of `missing` lacked, or that was of another type; "": there is none, or the server doesn't say. */
  readonly missingField: string
}

export interface ReadOptions {
  /** "latest" when left out. */
  readonly from?: From | undefined
  /** CEL, at most 4 KiB: docs/filters.md. */
  readonly filter?: string | undefined
  /** Of a JSON payload only these fields. */
  readonly fields?: ReadonlyArray<string> | undefined
  /**
   * Of events with a key that are JSON objects, only what changed is sent, and put together here: the application gets what was published. Less
   * comes over the network, where many events of a key come at a time. Not when left out.
   */
  readonly delta?: boolean | undefined
  readonly partitions?: ReadonlyArray<number> | undefined
  /** What happens when the application is slower than the topic. "block" when left out: it gets everything, later. */
  readonly overflow?: "block" | "conflate" | "drop-oldest" | "disconnect" | undefined
  /** Told of events that the reader doesn't get, in their order among the batches. Without it reading throws for the first of them. */
  readonly onGap?: ((gap: TopicGap) => void) | undefined
  /** Everything that was stored when it began has been given; what follows is new. Again after each reconnect. */
  readonly onLive?: (() => void) | undefined
  /** With a filter, before `onLive` and then every few seconds while events come: what became of all that were looked at since it began. */
  readonly onFiltered?: ((figures: FilterFigures) => void) | undefined
  /** Why a stream ended; another one follows. */
  readonly onReconnect?: ((why: Ended) => void) | undefined
}
