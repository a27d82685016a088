/** What a stream of events asks for, by either door, as the fan-out has it. Pure. */
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import type { ReadWish } from "../../../fanout/Fanout.ts"
import type { Start } from "../../../fanout/Start.ts"
import { fromOf } from "../../../topics/From.ts"
import type { Place } from "../../../topics/MessageId.ts"

const invalid = (message: string) => failure("InvalidInput", message)

/** Where to begin: as text, as everywhere, or as places; `others`: where partitions begin that the places leave out. */
const startOf = (
  from: string | ReadonlyArray<Place & { readonly partition: number }>,
  others: "earliest" | "latest",
  topic: string
): { readonly start: Start; readonly only?: number } | HeraldError => {
  if (typeof from !== "string") {
    const places = new Map<number, Place>()
    for (const { partition, epoch, offset } of from) {
      if (places.has(partition)) return invalid(`from: it names partition ${partition} twice`)
      places.set(partition, { epoch, offset })
    }
    return { start: { from: "places", places, others } }
  }
  const found = fromOf(from)
  if (typeof found === "string") return invalid(`from: ${found}`)
  switch (found.at) {
    case "earliest":
    case "latest":
      return { start: { from: found.at } }
    case "time":
      return { start: { from: "time", time: found.millis } }
    case "places":
      return { start: { from: "places", places: found.places, others: "earliest" } }
    case "id": {
      const { id } = found
      if (id.topic !== topic) return invalid(`from: that is an id of ${id.topic}, not of ${topic}`)
      // Only the id's own partition is read, as by REST. TK4
      return {
        start: { from: "places", places: new Map([[id.partition, id]]), others: "earliest", exact: true },
        only: id.partition
      }
    }
  }
}

const overflows = {
  block: "block",
  conflate: "conflate",
  "drop-oldest": "drop oldest",
  disconnect: "disconnect"
} as const

/** What a stream asks for, by either door. */
export interface Asked {
  readonly topic: string
  readonly from?: string | ReadonlyArray<Place & { readonly partition: number }> | undefined
  /** The first event, when left out. */
  readonly others?: "earliest" | "latest" | undefined
  readonly partitions?: ReadonlyArray<number> | undefined
  readonly filter?: string | undefined
  readonly fields?: ReadonlyArray<string> | undefined
  readonly overflow?: keyof typeof overflows | undefined
}

export const wishOf = ({
  topic,
  from = "latest",
  others = "earliest",
  partitions = [],
  ...asked
}: Asked): ReadWish | HeraldError => {
  const found = startOf(from, others, topic)
  if ("_tag" in found) return found
  const { start, only } = found
  const { filter = "", fields = [], overflow = "block" } = asked
  if (only !== undefined && partitions.length > 0 && !partitions.includes(only))
    return invalid(`from: that is an id of partition ${only}, which is not read`)
  return {
    ...{ topic, start, filter, fields, unpacks: false, overflow: overflows[overflow] },
    partitions: only === undefined ? partitions : [only]
  }
}
