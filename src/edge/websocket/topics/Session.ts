/**
 * What one WebSocket has under way: readers and consumers, each with its id, and batches that are being appended. State; what is done stands in Stream.ts.
 *
 *   YW1  What is under way has an id that nothing else of the socket has; a message about one that there is not is refused, and ends nothing.
 *   YW2  A socket has at most `READERS` readers and consumers, and `WINDOW` batches and `CREDIT` bytes that are not answered: until there is room no more is read.
 */
import { Effect } from "effect"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import type { Told } from "../../../fanout/Batch.ts"
import type { ConsumerConnection, Peer } from "../../../subscriptions/ConsumerConnections.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { problemText } from "../../http/topics/StreamText.ts"
import { beginning, textFrame } from "../Frame.ts"
import { Held } from "../Held.ts"
import type { Socket } from "../Socket.ts"
import { type Answers, type Consume, heardOf } from "./ConsumeWire.ts"
import { Taking } from "./Taking.ts"
import type { Grant } from "./Wire.ts"

/** Of a socket. YW2 */
export const [READERS, WINDOW, CREDIT] = [64, 64, 8_388_608] as const

interface Reader {
  readonly held: Held
  /** Undefined: it is being opened. */
  close: (() => void) | undefined
}

interface Consumer {
  readonly taking: Taking
  readonly connection: ConsumerConnection
}

export class Session {
  readonly socket: Socket
  readonly #readers = new Map<string, Reader>()
  readonly #consumers = new Map<string, Consumer>()
  readonly #batches = new Map<string, number>()
  #bytes = 0
  #wake: (() => void) | undefined
  /** Why nothing more is to begin. */
  stopped: HeraldError | undefined
  isOver = false

  constructor(socket: Socket) {
    this.socket = socket
  }

  /** `text`: JSON without the brace that it begins with. */
  tell(id: string, text: string): void {
    this.socket.send(textFrame(`{"id":${JSON.stringify(id)},${text}`))
  }

  fail(id: string, error: HeraldError): void {
    this.tell(id, `"type":"failed","problem":${problemText(error)}}`)
  }

  /** YW1 */
  taken(id: string): HeraldError | undefined {
    return this.#readers.has(id) || this.#batches.has(id) || this.#consumers.has(id)
      ? failure("InvalidInput", `id: ${excerpt(id)} is under way already`)
      : undefined
  }

  /** A reader that is about to be opened. */
  read(id: string, granted: number | undefined, framed: (told: Told) => Buffer): Held | HeraldError {
    const refused = this.#full(id)
    if (refused !== undefined) return refused
    const own = beginning(`{"id":${JSON.stringify(id)},`)
    const held = new Held(this.socket, {
      framesOf: (told) => [own, framed(told)],
      granted,
      ended: (error) => {
        this.#forget(id)
        this.tell(id, `"type":"ended","problem":${problemText(error)}}`)
      }
    })
    this.#readers.set(id, { held, close: undefined })
    return held
  }

  /** YW1, YW2 */
  #full(id: string): HeraldError | undefined {
    const taken = this.taken(id)
    if (taken !== undefined || this.#readers.size + this.#consumers.size < READERS) return taken
    return failure(
      "TooManySubscriptions",
      `this WebSocket has ${READERS} readers and consumers, which is all it may have`
    )
  }

  /** A consumer that is about to join. */
  consume(
    { id, topic, as = "json", grantedBytes }: Consume,
    admit: (peer: Peer) => ConsumerConnection | HeraldError
  ): ConsumerConnection | HeraldError {
    const refused = this.#full(id)
    if (refused !== undefined) return refused
    const ended = (error: HeraldError | undefined) => {
      if (this.#consumers.get(id)?.taking !== taking) return
      this.#consumers.delete(id)
      this.tell(id, `"type":"ended"${error === undefined ? "" : `,"problem":${problemText(error)}`}}`)
    }
    const taking = new Taking(this.socket, { id, topic, as, grantedBytes, ended })
    const connection = admit(taking)
    if (connection instanceof HeraldError) return connection
    this.#consumers.set(id, { taking, connection })
    if (this.isOver) this.#leave(undefined)
    return connection
  }

  /** Something of one that takes part. */
  answer(said: Answers): HeraldError | undefined {
    const consumer = this.#consumers.get(said.id)
    if (consumer === undefined) return unknown(said.id)
    if (said.grantedBytes !== undefined) consumer.taking.grant(said.grantedBytes)
    consumer.connection.hear(heardOf(said))
    return undefined
  }

  /** Ends all that consume: for that reason, or as their connection broke. */
  #leave(error: HeraldError | undefined): void {
    for (const [id, { connection }] of [...this.#consumers]) {
      if (error !== undefined) connection.end(error)
      else connection.broke()
      this.#consumers.delete(id)
    }
  }

  /** It was opened; it may be over by now. */
  opened(id: string, held: Held, close: () => void): void {
    const reader = this.#readers.get(id)
    if (reader?.held === held) reader.close = close
    else close()
  }

  grant({ id, granted, grantedBytes }: Grant): HeraldError | undefined {
    if (this.#consumers.has(id))
      return this.answer({
        ...{ type: "answer", id, answers: [], granted },
        ...(grantedBytes === undefined ? {} : { grantedBytes })
      })
    const reader = this.#readers.get(id)
    reader?.held.grant(granted)
    return reader === undefined ? unknown(id) : undefined
  }

  /** Ends a reader, or takes a consumer's goodbye. */
  end(id: string): HeraldError | undefined {
    const consumer = this.#consumers.get(id)
    if (consumer !== undefined) {
      consumer.connection.goodbye()
      return undefined
    }
    if (!this.#readers.has(id)) return unknown(id)
    this.#forget(id)
    this.tell(id, '"type":"ended"}')
    return undefined
  }

  #forget(id: string): void {
    const reader = this.#readers.get(id)
    this.#readers.delete(id)
    reader?.held.close()
    reader?.close?.()
  }

  /** A reader that could not be opened, or a consumer that could not join. */
  refuse(id: string, error: HeraldError): void {
    this.#forget(id)
    const consumer = this.#consumers.get(id)
    this.#consumers.delete(id)
    consumer?.connection.end(error)
    this.fail(id, error)
  }

  begin(id: string, bytes: number): void {
    this.#batches.set(id, bytes)
    this.#bytes += bytes
  }

  done(id: string): void {
    this.#bytes -= this.#batches.get(id) ?? 0
    this.#batches.delete(id)
    this.#wake?.()
  }

  /** Waits until more may be read, or nothing more is to begin. YW2 */
  readonly room: Effect.Effect<void> = this.#until(
    () => this.stopped !== undefined || (this.#batches.size < WINDOW && this.#bytes < CREDIT)
  )

  /** Waits until each batch has its answer. */
  readonly answered: Effect.Effect<void> = this.#until(() => this.#batches.size === 0)

  stop(reason: HeraldError): void {
    this.stopped ??= reason
    this.#leave(reason)
    this.#wake?.()
  }

  /** `error`: why the server ends it; undefined: the client is gone. */
  over(error?: HeraldError): void {
    this.isOver = true
    this.#leave(error)
    for (const id of [...this.#readers.keys()]) this.#forget(id)
  }

  #until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = () => {
        if (!holds()) return
        this.#wake = undefined
        resume(Effect.void)
      }
      this.#wake = look
      look()
    })
  }
}

/** YW1 */
const unknown = (id: string) => failure("InvalidInput", `id: there is nothing here as ${excerpt(id)}`)
