/**
 * What rules make of a bite of a partition: what is appended where, and how far they are then.
 *
 *   ZG1  A bite is bounded in events, and in bytes and events of what comes of it: what is behind goes with the next.
 *   ZG2  In a target, what comes of an event is behind what came of the one before it; of one event, in the order of the rules.
 *   ZG3  Others have a turn between two events that conditions look at.
 */

import { eventsIn } from "../topics/Frames.ts"
import { frameOf, type Message, messageOf } from "../topics/Message.ts"
import type { Place } from "../topics/MessageId.ts"
import type { PartitionId, Read } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Deciding } from "./Deciding.ts"
import { partitionIn } from "./Explaining.ts"
import type { Route } from "./Route.ts"
import { type Advance, REFUSALS, type Refusal } from "./RouteStore.ts"

/** Events that are read for one step. ZG1 */
export const EVENTS = 2_000
/** Bytes and events of one step. ZG1 */
const OUT_BYTES = 1_048_576
const OUT_EVENTS = 5_000

/** A message on its way to a target. */
export interface Outgoing extends Place {
  readonly route: Route
  readonly message: Message
  readonly target: Topic
  /** Of the target. */
  readonly partition: number
}

export interface Bite {
  readonly to: Place
  readonly outgoing: ReadonlyArray<Outgoing>
  /** By rule. */
  readonly skipped: ReadonlyMap<number, number>
  readonly refused: ReadonlyArray<Refusal & { readonly route: number }>
  /** Events that were gone; the same for all rules. */
  readonly missed: number
  readonly events: number
}

const roughly = ({ key, payload, headers }: Message): number => {
  let bytes = 32 + payload.length + 3 * (key?.length ?? 0)
  for (const [name, value] of headers) bytes += 16 + 3 * (name.length + value.length)
  return bytes
}

const isTooLarge = (message: Message, most: number): boolean =>
  roughly(message) > most && frameOf([message]).bytes.length > most

interface Of {
  readonly topic: string
  readonly partition: PartitionId
  readonly from: Place
  /** Nothing is taken from there on: another rule goes on there. */
  readonly until: number
  /** Rules that are there, with their targets. */
  readonly targets: ReadonlyMap<number, Topic>
  readonly eventBytes: number
}

/** ZG1, ZG2, ZG3 */
export function* biteOf(
  deciding: Deciding,
  read: Read,
  { topic, partition, from, until, targets, eventBytes }: Of
): Generator<void, Bite> {
  const outgoing: Array<Outgoing> = []
  const skipped = new Map<number, number>()
  const refused: Array<Refusal & { readonly route: number }> = []
  let [at, bytes, events, missed] = [from.offset, 0, 0, 0]
  const end = read.epoch === from.epoch ? until : Number.POSITIVE_INFINITY
  const isFull = () => events >= EVENTS || bytes >= OUT_BYTES || outgoing.length >= OUT_EVENTS
  for (const piece of read.pieces) {
    if (isFull() || at >= end) break
    if (piece.is === "gap") {
      const to = Math.min(piece.to, end)
      if (piece.why !== "epoch") missed += Math.max(0, to - Math.max(at, piece.from))
      at = to
      continue
    }
    let offset = piece.base - 1
    for (const bytesOf of eventsIn(piece.bytes)) {
      offset++
      if (offset < at) continue
      if (isFull() || offset >= end) break
      const message = messageOf(bytesOf)
      const place = { epoch: read.epoch, offset }
      const event = { ...message, ...place, topic, partition: partition.partition, publishedAt: piece.at }
      for (const [route, decided] of deciding.decide(event)) {
        const target = targets.get(route.id)
        if (target === undefined) continue
        const refuse = (why: string) => void refused.push({ ...place, ...partition, route: route.id, why })
        if (decided.is === "skipped") skipped.set(route.id, (skipped.get(route.id) ?? 0) + 1)
        else if (decided.is === "refused") refuse(decided.why)
        else if (isTooLarge(decided.message, eventBytes)) refuse(`it would have more than ${eventBytes} bytes`)
        else {
          const into = partitionIn(target.partitions, decided.message.key, partition.partition)
          outgoing.push({ ...place, route, message: decided.message, target, partition: into })
          bytes += roughly(decided.message)
        }
      }
      events++
      at = offset + 1
      yield
    }
  }
  return { to: { epoch: read.epoch, offset: at }, outgoing, skipped, refused, missed, events }
}

/** How far each of the rules is then. `kept`: what of `outgoing` is appended. */
export const advancesOf = (
  { from, targets }: Pick<Of, "from" | "targets">,
  bite: Pick<Bite, "to" | "skipped" | "missed"> & { readonly refused: Bite["refused"] },
  kept: ReadonlyArray<Outgoing>
): ReadonlyArray<Advance> => {
  const routed = Map.groupBy(kept, ({ route }) => route.id)
  const refused = Map.groupBy(bite.refused, ({ route }) => route)
  return [...targets.keys()].map((route) => {
    const refusals = refused.get(route) ?? []
    return {
      ...{ route, from, to: bite.to, missed: bite.missed },
      routed: routed.get(route)?.length ?? 0,
      skipped: bite.skipped.get(route) ?? 0,
      refused: refusals.length,
      refusals: refusals.slice(-REFUSALS).map(({ route: _, ...one }) => one)
    }
  })
}
