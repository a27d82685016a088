/**
 * Remembers what a client was told of each key, and what it answered. Pure state.
 *
 *   S7  An answer counts for exactly the update that it names, by epoch and revision.
 *   S8  What is remembered of a key is a mark that all clients share, never its content.
 */
import { samePosition } from "../propagation/Position.ts"
import type { Mark } from "../updates/Update.ts"
import { Remembered } from "./Remembered.ts"
import type { Answer } from "./Subscription.ts"

/** Unanswered updates of one key that are remembered; an answer to an older one is ignored. */
const UNANSWERED = 4

export class Told {
  /** The last update of each key that the client was sent, or said it holds. S8 */
  readonly #last = new Remembered()
  /** What it was sent of a key and has not applied, oldest first. */
  readonly #open = new Map<string, Array<Mark>>()
  /** How often it has caught up: applied all that it was sent. */
  caughtUp = 0

  /** Keys of which it has not applied what it was sent last. */
  get behind(): number {
    return this.#open.size
  }

  get(key: string): Mark | undefined {
    return this.#last.get(key)
  }

  has(key: string): boolean {
    return this.#last.has(key)
  }

  /** Keys that are kept for this session alone. MK1 */
  get own(): number {
    return this.#last.own
  }

  keys(): Iterable<string> {
    return this.#last.keys()
  }

  /** As far as is known, it applied all that it was sent of the key. */
  isDone(key: string): boolean {
    return !this.#open.has(key)
  }

  /** It was sent this. */
  sent(mark: Mark): void {
    const open = this.#open.get(mark.key)
    this.#last.set(mark)
    if (open === undefined) this.#open.set(mark.key, [mark])
    else {
      open.push(mark)
      if (open.length > UNANSWERED) open.shift()
    }
  }

  /** It has this already. */
  holds(mark: Mark): void {
    this.#last.set(mark)
    const had = this.#open.delete(mark.key)
    if (this.#open.size > 0) return
    if (had) this.caughtUp++
    this.#last.share()
  }

  /** The update that an answer is about; undefined when nothing like it was sent. S7 */
  answered({ key, revision, epoch, applied }: Answer): Mark | undefined {
    const newest = this.#last.get(key)
    if (newest === undefined) return undefined
    const mark =
      newest.revision === revision && (epoch === "" || newest.epoch === epoch)
        ? newest
        : epoch === ""
          ? undefined
          : this.#open.get(key)?.find((one) => samePosition(one, { epoch, revision }))
    if (mark === undefined) return undefined
    if (applied) {
      this.#close(key, mark)
      return mark
    }
    const open = this.#open.get(key)
    if (mark === newest) {
      if (open === undefined) this.#open.set(key, [mark])
    } else open?.splice(open.indexOf(mark), 1)
    return mark
  }

  /** It applied `mark`: neither that nor anything before it is open any more. */
  #close(key: string, mark: Mark): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    const place = open.indexOf(mark)
    if (place < open.length - 1) {
      open.splice(0, place + 1)
      return
    }
    this.#open.delete(key)
    if (this.#open.size > 0) return
    this.caughtUp++
    this.#last.share()
  }
}
