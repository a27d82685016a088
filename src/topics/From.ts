/**
 * Where to begin to read, as people and programs write it. Pure.
 *
 *   TK4  `earliest`, `latest`, a message id (which is read first), a time (RFC 3339, or milliseconds since 1970), or what the page before said.
 */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { EPOCHS, HISTORIES, type MessageId, messageIdOf, type Place } from "./MessageId.ts"
import type { Bounds } from "./Piece.ts"
import { PARTITIONS, type Topic } from "./Topic.ts"

export type From =
  | { readonly at: "earliest" }
  | { readonly at: "latest" }
  | { readonly at: "id"; readonly id: MessageId }
  | { readonly at: "time"; readonly millis: number }
  | { readonly at: "places"; readonly places: ReadonlyMap<number, Place> }

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/
/** Characters: of 256 partitions. */
const LONGEST = 10_000

/** "~0.1c9w4.0_1.1c9w4.12": partition, epoch and offset of each, in the base of 36. */
export const placesText = (places: ReadonlyMap<number, Place>): string =>
  `~${[...places]
    .toSorted(([a], [b]) => a - b)
    .map(([partition, { epoch, offset }]) => [partition, epoch, offset].map((n) => n.toString(36)).join("."))
    .join("_")}`

const PLACE = /^([0-9a-z]{1,2})\.([0-9a-z]{1,7})\.([0-9a-z]{1,11})$/

const placesOf = (text: string): ReadonlyMap<number, Place> | undefined => {
  const places = new Map<number, Place>()
  for (const one of text.slice(1).split("_")) {
    const found = PLACE.exec(one)
    if (found === null) return undefined
    const [partition, epoch, offset] = found.slice(1).map((part) => Number.parseInt(part, 36)) as [
      number,
      number,
      number
    ]
    const right = partition < PARTITIONS && epoch >= 1 && epoch < EPOCHS && Number.isSafeInteger(offset)
    if (!right || places.has(partition)) return undefined
    places.set(partition, { epoch, offset })
  }
  return places
}

/** A text says what is wrong. TK4 */
export const fromOf = (text: string): From | string => {
  if (text === "earliest" || text === "latest") return { at: text }
  const wrong = `${excerpt(text)} is no beginning: write earliest, latest, a message id such as orders:0:1795810339:42, a time such as 2026-11-27T06:00:00Z, or the next of a page`
  if (text.length > LONGEST) return wrong
  if (text.startsWith("~")) {
    const places = placesOf(text)
    return places === undefined ? wrong : { at: "places", places }
  }
  const id = messageIdOf(text)
  if (id !== undefined) return { at: "id", id }
  const millis = /^\d{1,16}$/.test(text) ? Number(text) : TIME.test(text) ? Date.parse(text) : Number.NaN
  return Number.isFinite(millis) && millis >= 0 && millis <= 8_640_000_000_000_000 ? { at: "time", millis } : wrong
}

/** Of a topic, to say whether there is such a place. */
export type Placing = Pick<Topic, "name" | "log" | "createdAt">

/** Whether a partition may have had that epoch. What was in a node's memory went with it, and only so many are remembered: such ones may have been. */
const mayHaveHad = ({ log, createdAt }: Placing, { epoch, before = [] }: Bounds, its: number): boolean => {
  if (its === epoch || before.includes(its)) return true
  if (log === "ephemeral") return its < epoch
  // Epochs are never less than the seconds of when they began.
  return before.length >= HISTORIES - 1 && its < before[0]! && its >= Math.floor(createdAt / 1_000)
}

/**
 * What is wrong with beginning at a place, at whatever door. `exact`: nobody is told there that it is of another history, or a person wrote it. TK3
 */
export const wrongPlace = (topic: Placing, bounds: Bounds, place: Place, exact: boolean): HeraldError | undefined => {
  const { partition, epoch, next, before = [] } = bounds
  const where = `partition ${partition} of ${topic.name}`
  if (exact && !mayHaveHad(topic, bounds, place.epoch)) {
    const was = before.length === 0 ? "" : ` and was in ${before.slice(-3).join(", ")}`
    return failure("OffsetOutOfRange", `${where} knows no epoch ${place.epoch}: it is in ${epoch}${was}`)
  }
  return place.epoch === epoch && place.offset > next
    ? failure("OffsetOutOfRange", `${where} ends at ${next}, and ${place.offset} is beyond that`)
    : undefined
}

const invalid = (message: string) => failure("InvalidInput", `from: ${message}`)

/** Where each partition begins. `exact`: as `wrongPlace` has it. TK3 */
export const beginningsOf = (
  from: Exclude<From, { readonly at: "time" }>,
  all: ReadonlyArray<Bounds>,
  topic: Placing,
  exact = from.at === "id"
): ReadonlyMap<number, Place> | HeraldError => {
  if (from.at === "earliest" || from.at === "latest")
    return new Map(
      all.map(({ partition, epoch, first, next }) => [
        partition,
        { epoch, offset: from.at === "earliest" ? first : next }
      ])
    )
  if (from.at === "id" && from.id.topic !== topic.name)
    return invalid(`that is an id of ${from.id.topic}, not of ${topic.name}`)
  const places = from.at === "id" ? new Map<number, Place>([[from.id.partition, from.id]]) : from.places
  const found = new Map<number, Place>()
  for (const bounds of all) {
    const place = places.get(bounds.partition)
    // A partition that came since is read from its beginning; with an id, only the id's own is.
    if (place === undefined) {
      if (from.at === "places") found.set(bounds.partition, { epoch: bounds.epoch, offset: bounds.first })
      continue
    }
    const wrong = wrongPlace(topic, bounds, place, exact)
    if (wrong !== undefined) return wrong
    found.set(bounds.partition, { epoch: place.epoch, offset: place.offset })
  }
  return found.size === 0 ? invalid(`${topic.name} has no such partition`) : found
}
