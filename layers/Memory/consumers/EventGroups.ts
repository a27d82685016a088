/** The topic in memory: an event log, consumer groups on it, and dead letters that a test can look into. */
import { Clock, Effect, Layer, Semaphore } from "effect"
import { type DeadLetter, DeadLetters } from "../../../src/consumers/DeadLetters.ts"
import { type Consumption, EventGroups } from "../../../src/consumers/EventGroups.ts"
import type { Received } from "../../../src/consumers/Received.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { EventLog } from "../../../src/outbox/EventLog.ts"

const PARTITIONS = 4
const POLL = "100 millis"

/** FNV-1a: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
const partitionOf = (key: string): number => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash % PARTITIONS
}

interface Place {
  next: number
  failures: number
  /** Whoever holds it has the partition. */
  readonly lock: Semaphore.Semaphore
}

export class TopicMemory {
  readonly partitions: ReadonlyArray<Array<Received>> = Array.from({ length: PARTITIONS }, () => [])
  readonly letters: Array<DeadLetter> = []
  readonly #groups = new Map<string, ReadonlyArray<Place>>()
  /** Nothing can be written while it is. */
  down = false

  #placesOf(group: string): ReadonlyArray<Place> {
    const places =
      this.#groups.get(group) ?? this.partitions.map(() => ({ next: 0, failures: 0, lock: Semaphore.makeUnsafe(1) }))
    this.#groups.set(group, places)
    return places
  }

  /** Writes a message as anybody may. */
  write(key: string, body: string | Uint8Array | null, headers: Record<string, string>, at = 0): void {
    const partition = partitionOf(key)
    const messages = this.partitions[partition]!
    const encode = (text: string) => new TextEncoder().encode(text)
    messages.push({
      partition,
      offset: String(messages.length),
      at,
      key: encode(key),
      body: typeof body === "string" ? encode(body) : body,
      headers
    })
  }

  readonly #up = Effect.suspend(() =>
    this.down ? Effect.fail(failure("EventLogUnavailable", "it is down")) : Effect.void
  )

  /** One step on a partition, unless another consumer has it. */
  readonly #step = ({ size, take }: Consumption, partition: number, place: Place) =>
    place.lock
      .withPermits(1)(
        Effect.suspend(() => {
          const batch = this.partitions[partition]!.slice(place.next, place.next + size)
          if (batch.length === 0) return Effect.sleep(POLL)
          return take(batch).pipe(
            Effect.matchEffect({
              onSuccess: () =>
                Effect.sync(() => Object.assign(place, { next: place.next + batch.length, failures: 0 })),
              onFailure: () =>
                Effect.suspend(() => Effect.sleep(Math.min(30_000, 250 * 2 ** Math.min(place.failures++, 10))))
            })
          )
        })
      )
      .pipe(Effect.catchDefect(() => Effect.sleep(POLL)))

  readonly layer = Layer.mergeAll(
    Layer.effect(
      EventLog,
      Effect.map(Clock.Clock, (clock) =>
        EventLog.of({
          publish: (events) =>
            Effect.andThen(
              this.#up,
              Effect.sync(() => {
                for (const { key, body, headers } of events)
                  this.write(key, body, headers, clock.currentTimeMillisUnsafe())
              })
            )
        })
      )
    ),
    Layer.succeed(EventGroups, {
      topic: "config.updates",
      consume: (consumption) =>
        Effect.forEach(
          this.#placesOf(consumption.group),
          (place, partition) => Effect.forever(this.#step(consumption, partition, place)),
          { concurrency: "unbounded", discard: true }
        ).pipe(Effect.andThen(Effect.never)),
      lag: (group) =>
        Effect.sync(() =>
          this.#placesOf(group).map(({ next }, partition) => ({
            partition,
            next: BigInt(next),
            end: BigInt(this.partitions[partition]!.length)
          }))
        )
    }),
    Layer.succeed(DeadLetters, {
      put: (letters) =>
        Effect.andThen(
          this.#up,
          Effect.sync(() => void this.letters.push(...letters))
        )
    })
  )
}
