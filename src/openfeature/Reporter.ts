/**
 * Sends what was gathered, one batch at a time.
 *
 *   RB5  A batch that was not answered is sent again under the same name, with backoff, before anything else: it counts once. What a server
 *        will never take is given up; one that takes no reports at all is asked again after `AWAY`.
 *   RB6  Nothing waits for it: an evaluation only counts, and a server that is gone costs no more than what `Gathered` may hold.
 *   RB7  `close` sends what is left, for `LAST` milliseconds at most; then nothing of it keeps the process alive.
 */
import type { ReportRequest } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { Backoff } from "../client/Backoff.ts"
import { messageOf, ReportError } from "../client/ClientError.ts"
import type { FlagsHome } from "../client/ClientFlags.ts"
import { type Flags, SDK } from "./Flags.ts"
import { Gathered } from "./Gathered.ts"

/** Milliseconds. RB7 */
const LAST = 2_000
/** Milliseconds. RB5 */
const AWAY = 600_000
/** gRPC's codes. RB5 */
const INVALID_ARGUMENT = 3
const UNIMPLEMENTED = 12

export class Reporter {
  readonly gathered: Gathered
  readonly #flags: Flags
  readonly #home: FlagsHome
  readonly #everyMillis: number
  readonly #backoff: Backoff
  /** Not answered yet. RB5 */
  #batch: ReportRequest | undefined
  #sending: Promise<boolean> | undefined
  #cancel: (() => void) | undefined
  #closed = false
  /** The server takes no reports. RB5 */
  #away = false

  constructor(flags: Flags, home: FlagsHome, everyMillis: number, now: () => number = Date.now) {
    this.gathered = new Gathered(now)
    this.#flags = flags
    this.#home = home
    this.#everyMillis = everyMillis
    this.#backoff = new Backoff(home.clock, { baseMillis: 1_000, capMillis: 60_000 })
    this.#plan(this.#spread())
  }

  /** Sends what there is now. False: some of it could not be sent. */
  async flush(): Promise<boolean> {
    await this.#sending
    return this.#send()
  }

  /** RB7 */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancel?.()
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.#home.clock.after(LAST, resolve)
    })
    await Promise.race([this.flush(), late])
    cancel()
  }

  /** A fleet that started at one moment reports spread out. */
  #spread(): number {
    return this.#everyMillis * (0.75 + this.#home.clock.random() / 2)
  }

  #plan(millis: number): void {
    if (this.#closed) return
    this.#cancel = this.#home.clock.after(millis, () => {
      this.#away = false
      void this.#send().then((all) =>
        this.#plan(this.#away ? AWAY : all ? this.#spread() : Math.max(this.#backoff.next(), 500))
      )
    })
  }

  #send(): Promise<boolean> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  async #sendAll(): Promise<boolean> {
    const { report, environment } = this.#home
    // While a batch waits, counts go on where they are, and are merged there.
    if (this.#batch === undefined && !this.gathered.hasCounts) this.gathered.evaluated(this.#flags.counted())
    while (report !== undefined) {
      this.#batch ??= this.gathered.take(crypto.randomUUID(), environment, SDK)
      if (this.#batch === undefined) break
      try {
        const { refused, refusedCount } = await report(this.#batch)
        this.#backoff.reset()
        if (refusedCount > 0)
          this.#tell(`${refusedCount} items of a report were refused, such as: ${refused[0]?.problem ?? "no reason"}`)
      } catch (error) {
        const status = error instanceof ReportError ? error.status : undefined
        if (status !== INVALID_ARGUMENT && status !== UNIMPLEMENTED) return false
        this.#tell(`a report is given up: ${messageOf(error)}`)
        if (status === UNIMPLEMENTED) this.#away = true
      }
      this.#batch = undefined
      if (this.#away) break
    }
    if (this.gathered.leftOut > 0) this.#tell(`${this.gathered.leftOut} things that were to be reported are left out`)
    this.gathered.leftOut = 0
    return true
  }

  #tell(message: string): void {
    this.#home.listeners.event({ type: "report", message })
  }
}
