/**
 * Calls the application's listeners: `onStateChange`, `onEvent`, `logger` and a watch's `onStale`.
 *
 *   LS1  Whatever a listener does (throw anything, reject later, never return) ends here: it never stops an update, nor the process.
 *   LS2  A failure is told to `onEvent` or, when there is none or it is what failed, to `logger`, at most one line a listener and minute.
 */
import { messageOf } from "./ClientError.ts"
import type { Clock } from "./Clock.ts"
import type { State } from "./Connection.ts"
import { errors } from "./Errors.ts"
import type { ClientEvent, ConnectOptions } from "./Options.ts"
import type { Ended } from "./Transport.ts"

const quietMillis = 60_000

const consoleLogger = (line: string): void => console.error(line)

export class Listeners {
  readonly #clock: Clock
  readonly #onEvent: ConnectOptions["onEvent"]
  readonly #onStateChange: ConnectOptions["onStateChange"]
  readonly #logger: (line: string) => unknown
  readonly #logged = new Map<string, number>()
  #closed = false

  constructor(options: Pick<ConnectOptions, "onEvent" | "onStateChange" | "logger">, clock: Clock) {
    this.#clock = clock
    this.#onEvent = options.onEvent
    this.#onStateChange = options.onStateChange
    this.#logger = options.logger ?? consoleLogger
  }

  event(event: ClientEvent): void {
    const { type } = event
    this.call("onEvent", () => this.#onEvent?.(event), `an event of type "${type}"`)
  }

  state(state: State, former: State, why: Ended | undefined): void {
    this.call("onStateChange", () => this.#onStateChange?.(state, former, why), `the state "${state}"`)
  }

  /** LS1: for other functions of the application whose result does not matter. */
  call(listener: string, run: () => unknown, about: string): void {
    const failed = (error: unknown) => this.#failed(listener, about, messageOf(error))
    if (!this.#closed) contained(run, failed)
  }

  /** Nothing is told afterwards, not even failures. */
  close(): void {
    this.#closed = true
  }

  #failed(listener: string, about: string, reason: string): void {
    if (this.#closed) return
    if (listener !== "onEvent" && this.#onEvent !== undefined) {
      this.event({ type: "listener-failed", listener, reason })
      return
    }
    const now = this.#clock.now()
    if (now - (this.#logged.get(listener) ?? Number.NEGATIVE_INFINITY) < quietMillis) return
    this.#logged.set(listener, now)
    const line = `${errors.ListenerFailed.code}: ${listener} failed on ${about}: ${reason}. The client goes on; correct the listener.`
    contained(() => this.#logger(line), ignore)
  }
}

const ignore = () => {}

/** Runs what is not ours: errors of every kind, now or later, go to `failed`. */
const contained = (run: () => unknown, failed: (error: unknown) => void): void => {
  try {
    const answer = run()
    if (typeof answer === "object" && answer !== null && "then" in answer) {
      Promise.resolve(answer as PromiseLike<unknown>).then(ignore, failed)
    }
  } catch (error) {
    failed(error)
  }
}
