/**
 * Server-sent events of a topic's readers (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 *
 *   YV1  The `id` of an event has where all partitions go on behind it: whoever comes with it as `Last-Event-ID` is sent what follows, nothing twice, or told
 *        of a gap.
 *   YV2  What waits for a client is bounded in bytes; beyond that the position alone is kept, and it gets what its overflow says.
 *   YV3  A stream is never silent for long: a comment comes when nothing else does. It ends with an event that says why.
 */
import { Effect, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { HeraldError } from "../../../errors/HeraldError.ts"
import type { Told } from "../../../fanout/Batch.ts"
import { Fanout, type ReadWish } from "../../../fanout/Fanout.ts"
import type { Sink } from "../../../fanout/Reader.ts"
import { placesText } from "../../../topics/From.ts"
import type { Place } from "../../../topics/MessageId.ts"
import { problemText, type Shown } from "./StreamText.ts"
import { TopicFrames } from "./TopicFrames.ts"

/** Bytes that may wait. YV2 */
const WAITING = 262_144
/** YV3 */
const ALIVE = "15 seconds"

const alive = Buffer.from(":\n\n")
/** A browser comes again after so many milliseconds. */
const begun = Buffer.from("retry: 1000\n\n")
const [HEAD, BRACE] = [Buffer.from("event: "), Buffer.from("\ndata: {")]

/** What waits for a client, and what its stream takes of it. */
export class Waiting implements Sink {
  readonly #topic: string
  readonly #as: Shown
  readonly #frames: TopicFrames["Service"]
  readonly #places = new Map<number, Place>()
  #pieces: Array<Uint8Array> = [begun]
  #bytes = 0
  #then: (() => void) | undefined
  #wake: (() => void) | undefined
  #ended = false

  constructor(topic: string, as: Shown, frames: TopicFrames["Service"]) {
    this.#topic = topic
    this.#as = as
    this.#frames = frames
  }

  write(told: Told): boolean {
    const { text } = this.#frames.of(this.#topic, told, this.#as)
    this.#add(HEAD, Buffer.from(nameOf(told)), BRACE, text, Buffer.from(`\nid: ${this.#idBehind(told)}\n\n`))
    return this.#bytes < WAITING
  }

  drained(then: () => void): void {
    this.#then = then
  }

  end(error: HeraldError): void {
    this.#ended = true
    this.#add(Buffer.from(`event: end\ndata: ${problemText(error)}\n\n`))
  }

  /** Until there is something to be taken. Who waits no more takes nothing of it. YV1 */
  readonly #some: Effect.Effect<void> = Effect.callback((resume) => {
    const look = () => {
      if (this.#pieces.length === 0 && !this.#ended) return
      this.#wake = undefined
      resume(Effect.void)
    }
    this.#wake = look
    look()
    return Effect.sync(() => {
      if (this.#wake === look) this.#wake = undefined
    })
  })

  /** What waits, when something does; after a while a comment where nothing does. Undefined: it has ended. YV3 */
  readonly next: Effect.Effect<Uint8Array | undefined> = Effect.map(Effect.timeoutOption(this.#some, ALIVE), () =>
    this.#pieces.length > 0 || this.#ended ? this.#taken() : alive
  )

  #taken(): Uint8Array | undefined {
    if (this.#pieces.length === 0) return undefined
    const bytes = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    const then = this.#then
    this.#then = undefined
    if (then !== undefined) setImmediate(then)
    return bytes
  }

  #add(...pieces: ReadonlyArray<Uint8Array>): void {
    this.#pieces.push(...pieces)
    for (const { length } of pieces) this.#bytes += length
    this.#wake?.()
  }

  /** YV1 */
  #idBehind(told: Told): string {
    if (told.kind === "started") for (const { partition, ...place } of told.places) this.#places.set(partition, place)
    else if (told.kind === "batch") this.#places.set(told.partition, { epoch: told.epoch, offset: told.next })
    else if (told.kind === "gap") this.#places.set(told.partition, { epoch: told.epoch, offset: told.to })
    return placesText(this.#places)
  }
}

const nameOf = ({ kind }: Told): string => (kind === "batch" ? "events" : kind)

const headers = {
  "cache-control": "no-store",
  // Or proxies such as nginx would hold events back.
  "x-accel-buffering": "no"
}
const options = { contentType: "text/event-stream", headers }

/** Follows a topic until the client leaves. Fails as `Fanout.open`. */
export const makeEvents = Effect.gen(function* () {
  const fanout = yield* Fanout
  const frames = yield* TopicFrames
  return Effect.fnUntraced(function* (wish: ReadWish, as: Shown) {
    const { method } = yield* HttpServerRequest.HttpServerRequest
    if (method === "HEAD")
      return HttpServerResponse.empty({ status: 200, headers: { ...headers, "content-type": options.contentType } })
    const waiting = new Waiting(wish.topic, as, frames)
    yield* Effect.acquireRelease(fanout.open(wish, waiting), (close) => Effect.sync(close))
    const pieces = Stream.fromEffectRepeat(waiting.next).pipe(Stream.takeWhile((piece) => piece !== undefined))
    return HttpServerResponse.stream(pieces as Stream.Stream<Uint8Array>, options)
  })
})
