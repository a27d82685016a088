/** Topics and events for tests. */
import { Effect } from "effect"
import { messagesOf } from "../../src/topics/Frames.ts"
import { type Frame, frameOf } from "../../src/topics/Message.ts"
import type { Place } from "../../src/topics/MessageId.ts"
import type { PartitionId, Piece } from "../../src/topics/Piece.ts"
import type { Definition } from "../../src/topics/Topic.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { fresh } from "./fresh.ts"

export const definition = (change: Partial<Definition> = {}): Definition => ({
  name: fresh("topic"),
  partitions: 1,
  retention: { millis: 86_400_000, bytes: null },
  log: "postgres",
  compression: "zstd",
  schema: null,
  enabled: true,
  description: "",
  ...change
})

export const newTopic = (change: Partial<Definition> = {}) =>
  Effect.flatMap(TopicStore, ({ create, made }) =>
    Effect.flatMap(create(definition(change), "ann"), (topic) =>
      topic.log !== "kafka" || topic.madeAs !== undefined
        ? Effect.succeed(topic)
        : Effect.map(made(topic.id, "made"), (its) => its!)
    )
  )

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** An event for each text; of the key before its colon, if it has one. */
export const events = (...texts: ReadonlyArray<string>): Frame =>
  frameOf(
    texts.map((text) => ({
      key: text.includes(":") ? text.slice(0, text.indexOf(":")) : null,
      payload: encoder.encode(text),
      eventTime: null,
      headers: new Map()
    }))
  )

export const numbered = (from: number, count: number, name = "e"): Frame =>
  events(...Array.from({ length: count }, (_, n) => `${name}${from + n}`))

/** `offset=text` of each event from `from` on, and gaps. */
export const textsOf = (pieces: ReadonlyArray<Piece>, from = 0): ReadonlyArray<string> =>
  pieces.flatMap((piece) =>
    piece.is === "gap"
      ? [`${piece.why} ${piece.from}-${piece.to}`]
      : messagesOf(piece.bytes)
          .map(({ payload }, at) => [piece.base + at, decoder.decode(payload)] as const)
          .filter(([offset]) => offset >= from)
          .map(([offset, text]) => `${offset}=${text}`)
  )

/** Everything from a place to the end. */
export const readAll = Effect.fnUntraced(function* (partition: PartitionId, from: Place, maxBytes = 1_048_576) {
  const { read } = yield* TopicLog
  const pieces: Array<Piece> = []
  let place = from
  for (;;) {
    const found = (yield* read(partition, place, { maxBytes, packed: false }))!
    if (found.pieces.length === 0) return { pieces, epoch: found.epoch, next: found.next }
    pieces.push(...found.pieces)
    place = { epoch: found.epoch, offset: found.next }
  }
})

/** The end of a partition, or where it begins. */
export const startOf = Effect.fnUntraced(function* (topic: number, partition = 0) {
  const { bounds } = yield* TopicLog
  const found = (yield* bounds([topic])).find((one) => one.partition === partition)!
  return { epoch: found.epoch, offset: found.first }
})
