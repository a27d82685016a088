/**
 * Where a subscription is to begin, as it is asked for. Pure.
 *
 *   OB1  Offsets come with the epoch that they are of, and are of partitions that there are; beyond the end of one is nowhere.
 */
import { failure, HeraldError } from "../errors/HeraldError.ts"
import { beginningsOf, type From, fromOf, type Placing } from "../topics/From.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Begin } from "./Place.ts"
import type { StartPosition } from "./Subscription.ts"

export type Wanted =
  | { readonly at: "earliest" }
  | { readonly at: "latest" }
  /** Milliseconds since 1970, by when Herald had the event. */
  | { readonly at: "time"; readonly millis: number }
  | {
      readonly at: "offsets"
      /** By partition: the first that is wanted. */
      readonly places: ReadonlyMap<number, Place>
      /** Where partitions that are left out begin. usual: with what is new when it is created, and where they are when it is moved. */
      readonly others: "earliest" | "usual"
    }

/** What is written so of that topic; a text says what is wrong. TK4 */
export const wantedOf = (text: string, topic: string): Wanted | string => {
  const from: From | string = fromOf(text)
  if (typeof from === "string") return from
  if (from.at === "places") return { at: "offsets", places: from.places, others: "earliest" }
  if (from.at !== "id") return from
  const { partition, epoch, offset } = from.id
  return from.id.topic === topic
    ? { at: "offsets", places: new Map([[partition, { epoch, offset }]]), others: "usual" }
    : `from: that is an id of ${from.id.topic}, not of ${topic}`
}

/** As it is kept. */
export const startOf = (wanted: Wanted): StartPosition =>
  wanted.at === "offsets"
    ? { at: "offsets", offsets: Object.fromEntries([...wanted.places].map(([at, { offset }]) => [at, offset])) }
    : wanted

const beginAt = ({ partition }: Bounds, { epoch, offset }: Place): Begin => ({ partition, logEpoch: epoch, offset })

/** Of the partitions that are said; those that stay where they are when `usual` is "stay" are left out. OB1 */
export const beginsOf = (
  wanted: Exclude<Wanted, { readonly at: "time" }>,
  all: ReadonlyArray<Bounds>,
  topic: Placing,
  usual: "latest" | "stay"
): ReadonlyArray<Begin> | HeraldError => {
  const found: Array<Begin> = []
  if (wanted.at !== "offsets") {
    for (const bounds of all)
      found.push(
        beginAt(bounds, { epoch: bounds.epoch, offset: wanted.at === "earliest" ? bounds.first : bounds.next })
      )
    return found
  }
  const { places, others } = wanted
  if (places.size === 0) return failure("InvalidInput", "offsets: there are none")
  for (const partition of places.keys())
    if (!all.some((bounds) => bounds.partition === partition))
      return failure("InvalidInput", `offsets: ${topic.name} has no partition ${partition}`)
  const said = beginningsOf(
    { at: "places", places },
    all.filter(({ partition }) => places.has(partition)),
    topic,
    true // nobody is told of a gap
  )
  if (said instanceof HeraldError) return said
  for (const bounds of all) {
    const { partition, epoch, first, next } = bounds
    const place = said.get(partition)
    if (place !== undefined) found.push(beginAt(bounds, place))
    else if (others === "earliest") found.push(beginAt(bounds, { epoch, offset: first }))
    else if (usual === "latest") found.push(beginAt(bounds, { epoch, offset: next }))
  }
  return found
}
