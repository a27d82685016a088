/**
 * A transport that keeps what it gets and can be made to block: what Line.ts (src/edge/grpc) does with a call, without a wire.
 * test/contracts/Sinks.ts holds both to the same.
 */
import { encode } from "../../src/edge/grpc/distribution/Wire.ts"
import type { Sink } from "../../src/sessions/Session.ts"
import type { Update, ValueUpdate } from "../../src/updates/Update.ts"

/** What waits in a turn before the sender is told to, as in Line.ts: messages and bytes. */
const WAITING = 16
const BYTES = 65_536

const { setImmediate } = globalThis // a test may put another in its place

export class FakeSink implements Sink {
  readonly got: Array<Update> = []
  /** The client reads nothing, and everything between it and the server is full. */
  blocked = false
  #waiting = 0
  #bytes = 0
  #going = false
  #over = false
  #then: (() => void) | undefined

  write = (update: Update): boolean => {
    if (this.#over) return false
    const { length } = encode(update) // throws for what no wire carries
    this.#waiting++
    this.#bytes += length
    this.got.push(update)
    this.#go()
    return !this.blocked && this.#waiting < WAITING && this.#bytes < BYTES
  }

  drained = (then: () => void): void => {
    if (this.#over) return
    if (this.#waiting === 0 && !this.blocked) queueMicrotask(then)
    else this.#then = then
  }

  unblock(): void {
    this.blocked = false
    this.#sent()
  }

  /** The call is over, by whoever ended it: nobody is called back any more. */
  end(): void {
    this.#over = true
  }

  /** What was written in this turn is on its way in the next. */
  #go(): void {
    if (this.#going) return
    this.#going = true
    setImmediate(() => {
      this.#going = false
      if (!this.blocked) this.#sent()
    })
  }

  #sent(): void {
    if (this.#over) return
    this.#waiting = 0
    this.#bytes = 0
    const then = this.#then
    this.#then = undefined
    then?.()
  }

  get values(): ReadonlyArray<ValueUpdate> {
    return this.got.filter((update): update is ValueUpdate => update.kind === "value" || update.kind === "deleted")
  }

  get contents(): ReadonlyArray<string> {
    return this.values.map((update) => update.content)
  }
}
