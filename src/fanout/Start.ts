/**
 * Where a reader begins, by what the log says when it comes.
 *
 *   BX27 in Fanout.ts
 */
import { Effect } from "effect"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import { wrongPlace } from "../topics/From.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Asking } from "./Asking.ts"

export type Start =
  | { readonly from: "earliest" | "latest" }
  /** `others`: where partitions begin that are left out. */
  | {
      readonly from: "places"
      readonly places: ReadonlyMap<number, Place>
      readonly others: "earliest" | "latest"
      /** A person wrote it: an epoch that there never was is refused, not a gap. TK3 */
      readonly exact?: boolean
    }
  /** Milliseconds since 1970, by when Herald had them. */
  | { readonly from: "time"; readonly time: number }

export interface Beginning {
  readonly at: ReadonlyArray<number>
  readonly epochs: ReadonlyArray<number>
  readonly until: ReadonlyArray<number>
  readonly bounds: ReadonlyArray<Bounds>
}

/** Partitions of a topic, in order; none wanted: all. */
export const wantedOf = (
  { name, partitions }: Topic,
  wanted: ReadonlyArray<number>
): ReadonlyArray<number> | HeraldError => {
  if (wanted.length === 0) return Array.from({ length: partitions }, (_, partition) => partition)
  const wrong = wanted.find((partition) => partition >= partitions)
  return wrong === undefined
    ? [...new Set(wanted)].sort((a, b) => a - b)
    : failure("InvalidInput", `the topic ${name} has the partitions 0 to ${partitions - 1}, and no ${wrong}`)
}

/** Fails `NoSuchTopic`, `OffsetOutOfRange`, and as the log does. */
export const beginningOf = Effect.fnUntraced(function* (
  topic: Topic,
  log: Asking,
  partitions: ReadonlyArray<number>,
  start: Start
): Effect.fn.Return<Beginning, HeraldError> {
  const bounded = Effect.map(log.bounds(topic.id), (all) => new Map(all.map((bounds) => [bounds.partition, bounds])))
  let known = yield* bounded
  const unknown = partitions.filter((partition) => !known.has(partition))
  if (unknown.length > 0) {
    // Those of an ephemeral topic begin when they are first asked for.
    for (const partition of unknown) yield* log.find({ topic: topic.id, partition }, 0)
    known = yield* bounded
  }
  const bounds: Array<Bounds> = []
  const places: Array<Place> = []
  for (const partition of partitions) {
    const its = known.get(partition)
    if (its === undefined) return yield* failure("NoSuchTopic", `the topic ${topic.name} was deleted`)
    bounds.push(its)
    const place = yield* placeOf(topic, log, its, start)
    if (place instanceof HeraldError) return yield* place
    places.push(place)
  }
  return {
    bounds,
    at: places.map(({ offset }) => offset),
    epochs: places.map(({ epoch }) => epoch),
    until: bounds.map(({ next }, i) => (places[i]!.epoch === bounds[i]!.epoch ? next : 0))
  }
})

const placeOf = Effect.fnUntraced(function* (topic: Topic, log: Asking, bounds: Bounds, start: Start) {
  const { partition, epoch, first, next } = bounds
  switch (start.from) {
    case "earliest":
      return { epoch, offset: first }
    case "latest":
      return { epoch, offset: next }
    case "time":
      return (yield* log.find({ topic: topic.id, partition }, start.time)) ?? { epoch, offset: next }
    case "places": {
      const place = start.places.get(partition)
      if (place === undefined) return { epoch, offset: start.others === "latest" ? next : first }
      return wrongPlace(topic, bounds, place, start.exact === true) ?? place
    }
  }
})
