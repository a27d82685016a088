/**
 * Follows a topic over gRPC, with a filter and fields: the SDK's reader, event by event.
 *
 *   YG1  Each event is shown once and in order over however many streams; what is lost, gone or there again is said beside them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { TopicOffset } from "../../../client/topics/Event.ts"
import type { From } from "../../../client/topics/From.ts"
import type { FilterFigures, ReadOptions } from "../../../client/topics/ReadOptions.ts"
import type { TopicBatch } from "../../../client/topics/Web.ts"
import type { Event } from "../../../edge/http/topics/EventWire.ts"
import { parseAddress } from "../../../net/Address.ts"
import { printable } from "../../../text/Printable.ts"
import { fromOf } from "../../../topics/From.ts"
import { messageIdText } from "../../../topics/MessageId.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import { disconnectedText, GRPC_SETTING, refusedBy, wrongAddress } from "../../Refused.ts"
import { Shell } from "../../Shell.ts"
import type { Target } from "../../Target.ts"
import { figuresText, untold } from "./Figures.ts"
import { gapText } from "./Gaps.ts"

export interface Following {
  readonly topic: string
  readonly from: string
  readonly partition: number | undefined
  readonly filter: string
  readonly fields: ReadonlyArray<string>
  /** Events. */
  readonly limit: number
  /** Ends with what there is. */
  readonly once: boolean
}

export interface Followed extends AsyncIterable<TopicBatch> {
  readonly close: () => Promise<void>
}

/** gRPC is loaded only by those who follow. */
export const OpenReader = Context.Reference<(target: Target, topic: string, options: ReadOptions) => Promise<Followed>>(
  "herald/cli/OpenReader",
  {
    defaultValue: () => async (target, topic, options) => {
      const { Topics } = await import("../../../client/topics/Topics.ts")
      const topics = new Topics({ address: target.grpc, token: target.token, tls: target.tls })
      const reader = topics.topic(topic).subscribe(options)
      return { [Symbol.asyncIterator]: () => reader, close: () => topics.close() }
    }
  }
)

/** Where to begin, and which partition alone that is of. */
const beginningOf = ({ topic, from }: Following): { readonly from: From; readonly only?: number } | string => {
  const found = fromOf(from)
  if (typeof found === "string") return found
  switch (found.at) {
    case "earliest":
    case "latest":
      return { from: found.at }
    case "time":
      return { from: { time: found.millis } }
    case "places":
      return {
        from: { offsets: [...found.places].map(([partition, place]): TopicOffset => ({ partition, ...place })) }
      }
    case "id": {
      const { topic: its, ...offset } = found.id
      return its === topic ? { from: { offsets: [offset] }, only: offset.partition } : `${from} is of ${its}`
    }
  }
}

/** As text, or in base64 where it is none. */
const shownOf = (payload: Uint8Array) => {
  try {
    return { value: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload) }
  } catch {
    return { base64: Buffer.from(payload).toString("base64") }
  }
}

const eventOf = (topic: string, event: TopicBatch["events"][number]): Event => {
  const { partition, epoch, offset, key, publishedAt, time, headers } = event
  const isSaid = time !== publishedAt
  return {
    ...{ id: messageIdText({ topic, partition, epoch, offset }), partition, epoch, offset },
    key: key === "" ? null : key,
    ...shownOf(event.payload),
    ...{ headers, occurredAt: isSaid ? time : null, occurredTime: isSaid ? new Date(time).toISOString() : null },
    publishedAt,
    publishedTime: new Date(publishedAt).toISOString()
  }
}

/** What the reader tells beside its batches, in their order. */
type Told = { readonly batch: TopicBatch } | { readonly say: string } | { readonly wrong: CliFailure } | "live"

/** Until its limit, or with `once` until everything that there is was shown. */
export const followTopic = Effect.fn("Topic.follow")(function* (
  target: Target,
  asked: Following,
  show: (event: Event) => Effect.Effect<void>
) {
  const shell = yield* Shell
  const address = parseAddress(target.grpc)
  if ("wrong" in address) return yield* usage(`${target.grpc} ${address.wrong}`, `Give ${GRPC_SETTING} as host:port.`)
  const begin = beginningOf(asked)
  if (typeof begin === "string")
    return yield* usage(`--from: ${begin}`, "Give earliest, latest, a message id or a time.")
  const only = begin.only ?? asked.partition
  const open = yield* OpenReader
  const beside: Array<Told> = []
  let [connected, down] = [false, false]
  let figures: FilterFigures | undefined
  let said = 0
  let woken = () => {}
  const tell = (told: Told) => {
    beside.push(told)
    woken()
  }
  const options: ReadOptions = {
    from: begin.from,
    filter: asked.filter,
    fields: asked.fields,
    ...(only === undefined ? {} : { partitions: [only] }),
    onGap: ({ partition, from, to, why }) => tell({ say: gapText({ partition }, from, to, why) }),
    onFiltered: (now) => {
      connected = true
      figures = now
      // Soon, and then each time that it is twice as many: a filter that fails for every event is no silence. WR1
      if (untold(now) <= 2 * said) return
      said = untold(now)
      tell({ say: figuresText(now) })
    },
    onReconnect: (ended) => {
      const wrong = connected ? undefined : wrongAddress(target, ended.message)
      if (wrong !== undefined) return tell({ wrong })
      if (!down) tell({ say: `disconnected: ${printable(disconnectedText(ended))}\nwaiting for it …` })
      down = true
    },
    onLive: () => {
      connected = true
      if (down) tell({ say: "connected again" })
      down = false
      tell("live")
    }
  }
  const reader = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => open(target, asked.topic, options), catch: (error) => refusedBy(target, error) }),
    (opened) => Effect.promise(() => opened.close())
  )
  const batches = reader[Symbol.asyncIterator]()
  let pending: Promise<IteratorResult<TopicBatch>> | undefined
  const next = Effect.tryPromise({
    try: async (): Promise<Told | undefined> => {
      while (true) {
        const first = beside.shift()
        if (first !== undefined) return first
        pending ??= batches.next()
        const waking = new Promise<undefined>((resolve) => {
          woken = () => resolve(undefined)
        })
        const came = await Promise.race([pending, waking])
        if (came === undefined) continue
        pending = undefined
        connected = true
        if (came.done === true) return beside.shift()
        const batch = { batch: came.value }
        if (beside.length === 0) return batch
        beside.push(batch)
      }
    },
    catch: (error) => refusedBy(target, error)
  })
  let last = ""
  const sum = Effect.suspend(() => {
    const text = figures === undefined ? "" : figuresText(figures)
    return text === last ? Effect.void : shell.progress(text)
  })
  yield* Effect.addFinalizer(() => sum)
  let left = asked.limit
  while (left > 0) {
    const told = yield* next
    if (told === undefined) return
    if (told === "live") {
      if (asked.once) return
    } else if ("wrong" in told) return yield* told.wrong
    else if ("say" in told) {
      last = told.say
      yield* shell.progress(told.say)
    } else
      for (const event of told.batch.events.slice(0, left)) {
        yield* show(eventOf(asked.topic, event))
        left--
      }
  }
}, Effect.scoped)
