/** How a producer is asked for, and opened. */
import type { Event, OpenProducerResponse } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { HeraldClientError, type PublishError } from "../ClientError.ts"
import { NotAnswered } from "../NotAnswered.ts"
import { bytesOn } from "./Event.ts"
import type { TopicHome } from "./Home.ts"
import { errorOf, isFinal } from "./Lasting.ts"

export interface ProducerOptions {
  /** 1 to 128 characters, kept over restarts: who opens it again goes on where it was, and fences whoever had it. */
  readonly id: string
  /** Batches under way at once, in order. 4. */
  readonly inFlight?: number | undefined
  /** What is not published yet is kept here and published after a restart. Nothing is kept when left out. */
  readonly file?: string | undefined
  /** Told of events from the file that the server refuses: nobody waits for them any more. `console.error` when left out. */
  readonly onRefused?: ((events: number, error: PublishError) => void) | undefined
}

export interface SendOptions {
  /** Left out: by key, and events without one go together to one partition, to the next with each call. */
  readonly partition?: number | undefined
  /** With `partition`: the first event's own number, from 1 without gaps, for an application that keeps them with what it publishes. */
  readonly sequence?: number | undefined
}

/** Bytes that may be under way before the server said how many. */
export const firstCredit = 1_048_576

/** Tries until a server answers, `home.openMillis` at most. */
export const opened = async (home: TopicHome, topic: string, producerId: string): Promise<OpenProducerResponse> => {
  const { clock, transport, openMillis } = home
  const until = clock.now() + openMillis
  for (let attempt = Math.floor(clock.random() * 1_024); ; attempt++) {
    try {
      return await transport.openProducer(attempt, { topic, producerId })
    } catch (error) {
      if (error instanceof HeraldClientError || !(error instanceof NotAnswered)) throw error
      if (isFinal(error.ended) || clock.now() >= until)
        throw errorOf(`the producer ${producerId} of ${topic} can't be opened`, error.ended)
      const { reconnectAfterMillis = 0 } = error.ended
      await new Promise<void>((resolve) => clock.after(Math.min(5_000, reconnectAfterMillis + 100), resolve))
    }
  }
}

/** Events and bytes of one call of `send` that are sent as one. */
const most = { events: 1_000, bytes: 262_144 }

/** By partition, in pieces that are sent as one. */
export const parted = (
  events: ReadonlyArray<Event>,
  partitionOf: (key: string) => number
): ReadonlyMap<number, ReadonlyArray<ReadonlyArray<Event>>> => {
  const parts = new Map<number, Array<Array<Event>>>()
  const sizes = new Map<number, number>()
  for (const event of events) {
    const partition = partitionOf(event.key)
    const pieces = parts.get(partition) ?? []
    parts.set(partition, pieces)
    const size = bytesOn(event)
    const piece = pieces.at(-1)
    const bytes = (sizes.get(partition) ?? 0) + size
    const fits = piece !== undefined && piece.length < most.events && bytes <= most.bytes
    sizes.set(partition, fits ? bytes : size)
    if (fits) piece.push(event)
    else pieces.push([event])
  }
  return parts
}

/** Calls of what it returns within one turn of the loop come to one of `work`, behind them. */
export const together = (work: () => void): (() => void) => {
  let asked = false
  return () => {
    if (asked) return
    asked = true
    queueMicrotask(() => {
      asked = false
      work()
    })
  }
}
