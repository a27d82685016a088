/**
 * What one WebSocket has under way: readers, each with its id, and batches that are being appended. State; what is done stands in Stream.ts.
 *
 *   YW1  What is under way has an id that nothing else of the socket has; a message about one that there is not is refused, and ends nothing.
 *   YW2  A socket has at most `READERS` readers, and `WINDOW` batches and `CREDIT` bytes that are not answered: until there is room no more is read.
 */
import { Effect } from "effect"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import type { Told } from "../../../fanout/Batch.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { problemText } from "../../http/topics/StreamText.ts"
import { beginning, textFrame } from "../Frame.ts"
import { Held } from "../Held.ts"
import type { Socket } from "../Socket.ts"

/** Of a socket. YW2 */
export const [READERS, WINDOW, CREDIT] = [64, 64, 8_388_608] as const

interface Reader {
  readonly held: Held
  /** Undefined: it is being opened. */
  close: (() => void) | undefined
}

export class Session {
  readonly socket: Socket
  readonly #readers = new Map<string, Reader>()
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
    return this.#readers.has(id) || this.#batches.has(id)
      ? failure("InvalidInput", `id: ${excerpt(id)} is under way already`)
      : undefined
  }

  /** A reader that is about to be opened. */
  read(id: string, granted: number | undefined, framed: (told: Told) => Buffer): Held | HeraldError {
    const taken = this.taken(id)
    if (taken !== undefined) return taken
    if (this.#readers.size >= READERS)
      return failure("TooManySubscriptions", `this WebSocket has ${READERS} readers, more than that it may not have`)
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

  /** It was opened; it may be over by now. */
  opened(id: string, held: Held, close: () => void): void {
    const reader = this.#readers.get(id)
    if (reader?.held === held) reader.close = close
    else close()
  }

  grant(id: string, granted: number): HeraldError | undefined {
    const reader = this.#readers.get(id)
    reader?.held.grant(granted)
    return reader === undefined ? unknown(id) : undefined
  }

  /** Ends a reader. */
  end(id: string): HeraldError | undefined {
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

  /** A reader that could not be opened. */
  refuse(id: string, error: HeraldError): void {
    this.#forget(id)
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
    this.#wake?.()
  }

  over(): void {
    this.isOver = true
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
const unknown = (id: string) => failure("InvalidInput", `id: nothing is read here as ${excerpt(id)}`)
