/** Holds what the twins of one topic share: its messages, how far each group has come, and what was put aside. */
import { Effect, Layer, Semaphore } from "effect"
import type { DeadLetter } from "../../src/consumers/DeadLetters.ts"
import type { Received } from "../../src/consumers/Received.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import type { LogEvent } from "../../src/outbox/Event.ts"
import * as DeadLetters from "./consumers/DeadLetters.ts"
import * as EventGroups from "./consumers/EventGroups.ts"
import * as EventLog from "./outbox/EventLog.ts"

const PARTITIONS = 4

/** FNV-1a: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
const partitionOf = (key: string): number => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash % PARTITIONS
}

/** How far a group has come in a partition. */
export interface Place {
  next: number
  failures: number
  /** Whoever holds it has the partition. */
  readonly lock: Semaphore.Semaphore
}

export class Topic {
  readonly partitions: ReadonlyArray<Array<Received>> = Array.from({ length: PARTITIONS }, () => [])
  /** What the event log took, in its order. */
  readonly events: Array<LogEvent> = []
  readonly letters: Array<DeadLetter> = []
  readonly #groups = new Map<string, ReadonlyArray<Place>>()
  /** While true, nothing can be written. */
  down = false
  /** Calls that wrote, or failed to. */
  tries = 0

  /** The event log, the groups and the dead letters. */
  readonly layer = Layer.mergeAll(EventLog.layer(this), EventGroups.layer(this), DeadLetters.layer(this))

  placesOf(group: string): ReadonlyArray<Place> {
    const places =
      this.#groups.get(group) ?? this.partitions.map(() => ({ next: 0, failures: 0, lock: Semaphore.makeUnsafe(1) }))
    this.#groups.set(group, places)
    return places
  }

  /** Writes a message as any program could. `at`: milliseconds since 1970. */
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

  /** Fails `EventLogUnavailable` while it is down. */
  taking<A>(write: () => A) {
    return Effect.suspend(() => {
      this.tries++
      return this.down ? Effect.fail(failure("EventLogUnavailable", "it is down")) : Effect.sync(write)
    })
  }
}
