/**
 * Cuts what rules send into one partition into segments.
 *
 *   ZL1  A segment has a mebibyte and an event more at most, however many rules send into one partition: who reads it takes it whole.
 */
import { frameOf, type Message } from "../topics/Message.ts"
import type { Outgoing } from "./Bite.ts"
import type { Appended } from "./RouteStore.ts"

/** Bytes of payloads. */
const SEGMENT = 1_048_576

/** What goes into one partition of a target, in its order. ZL1 */
export const segmentsOf = (those: ReadonlyArray<Outgoing>): ReadonlyArray<Appended> => {
  const { target, partition } = those[0]!
  const segments: Array<Array<Message>> = []
  let bytes = Number.POSITIVE_INFINITY
  for (const { message } of those) {
    if (bytes >= SEGMENT) {
      segments.push([])
      bytes = 0
    }
    segments.at(-1)!.push(message)
    bytes += message.payload.length
  }
  return segments.map((messages) => ({
    ...{ topic: target.id, partition, events: frameOf(messages) },
    zstd: target.compression === "zstd"
  }))
}
