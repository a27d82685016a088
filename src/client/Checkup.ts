/**
 * Asks the application how it is, and reports what it says.
 *
 *   HC1  It is asked after something was applied and when the client is live again, and every `healthMillis` while it is live; once at a time.
 *   HC2  What it throws, and that it takes longer than a hook may, is "unhealthy", with why. One that has not ended is not called again. What
 *        is no answer is told to `onEvent`, and nobody else.
 *   HC3  An answer is reported for the position at which it was asked: of what was applied meanwhile it says nothing.
 *   HC4  It is reported when it is another one, when something was applied, when there are metrics, and every `REPEAT` anyway. A report that is
 *        not taken ends nothing: the next one says it again.
 */
import type { Checked } from "./CheckedOptions.ts"
import { ClosedError, messageOf } from "./ClientError.ts"
import { type HealthStatus, healthReport } from "./Health.ts"
import type { HookLimits } from "./Hooks.ts"
import type { ClientEvent, ConnectOptions, HealthAnswer } from "./Options.ts"
import type { Transport } from "./Transport.ts"

/** HC4 */
const REPEAT = 30_000

interface Position {
  readonly epoch: string
  readonly revision: bigint
}

interface Verdict {
  readonly status: HealthStatus
  readonly message: string
  readonly metrics: Readonly<Record<string, number>>
}

export interface CheckupEvents {
  readonly position: () => Position
  /** Rejects when it is not taken. */
  readonly report: (at: Position, verdict: Verdict) => Promise<unknown>
  /** What it answered is no answer. */
  readonly wrong: (reason: string) => void
}

const STATUS: ReadonlyArray<unknown> = ["healthy", "degraded", "unhealthy"] satisfies ReadonlyArray<HealthStatus>
const unhealthy = (message: string): Verdict => ({ status: "unhealthy", message, metrics: {} })

/** Undefined: it has nothing to say. Throws for what is no answer. */
const verdictOf = (answer: HealthAnswer): Verdict | undefined => {
  if (answer === undefined) return undefined
  const {
    status,
    message = "",
    metrics = {}
  } = typeof answer === "object" && answer !== null ? answer : { status: answer }
  if (!STATUS.includes(status)) throw new Error(`it answered ${String(JSON.stringify(answer)).slice(0, 80)}`)
  const numbers = Object.entries({ ...metrics }).filter(([, value]) => typeof value === "number")
  return { status, message: String(message), metrics: Object.fromEntries(numbers) }
}

const ignore = () => {}

export class Checkup {
  readonly #ask: NonNullable<ConnectOptions["health"]>
  readonly #everyMillis: number
  readonly #limits: HookLimits
  readonly #events: CheckupEvents
  #live = false
  #asking = false
  /** It is to be asked once more. */
  #again = false
  /** Something was applied since it was last reported. */
  #fresh = true
  #hung = false
  #said: Verdict | undefined
  #saidAt = 0
  #cancel = ignore

  constructor(
    ask: NonNullable<ConnectOptions["health"]>,
    everyMillis: number,
    limits: HookLimits,
    events: CheckupEvents
  ) {
    this.#ask = ask
    this.#everyMillis = everyMillis
    this.#limits = limits
    this.#events = events
  }

  /** HC1 */
  applied(): void {
    this.#fresh = true
    if (this.#live) this.#soon()
  }

  /** Not any more when the client is closed: then what is running is stopped. */
  live(live: boolean): void {
    if (this.#live === live) return
    this.#live = live
    this.#fresh = true
    if (live) this.#soon()
    else this.#cancel()
  }

  /** Once what came together is applied. */
  #soon(): void {
    if (this.#asking) {
      this.#again = true
      return
    }
    this.#asking = true
    this.#cancel()
    this.#limits.clock.soon(() => void this.#look())
  }

  async #look(): Promise<void> {
    this.#again = false
    const at = this.#events.position()
    const isFresh = this.#fresh
    this.#fresh = false
    const verdict = await this.#answer()
    if (this.#live && verdict !== undefined && this.#isNews(verdict, isFresh)) await this.#report(at, verdict)
    this.#asking = false
    if (!this.#live) return
    if (this.#again) return this.#soon()
    // Clients that began together do not go on together.
    const { clock } = this.#limits
    this.#cancel = clock.after(this.#everyMillis * (0.75 + clock.random() / 2), () => this.#soon())
  }

  /** HC4 */
  #isNews(verdict: Verdict, isFresh: boolean): boolean {
    const { status, message } = this.#said ?? {}
    const again = this.#limits.clock.now() - this.#saidAt >= REPEAT
    return (
      isFresh ||
      again ||
      status !== verdict.status ||
      message !== verdict.message ||
      Object.keys(verdict.metrics).length > 0
    )
  }

  async #report(at: Position, verdict: Verdict): Promise<void> {
    try {
      await this.#events.report(at, verdict)
      this.#said = verdict
      this.#saidAt = this.#limits.clock.now()
    } catch {
      this.#fresh = true // HC4
    }
  }

  /** HC2 */
  #answer(): Promise<Verdict | undefined> {
    const { clock, millis, running } = this.#limits
    if (this.#hung) return Promise.resolve(unhealthy(`health: no answer in ${millis} ms`))
    return new Promise((resolve) => {
      const control = new AbortController()
      let over = false
      const finish = (verdict: Verdict | undefined) => {
        over = true
        cancel()
        left()
        resolve(verdict)
      }
      const cancel = clock.after(millis, () => {
        this.#hung = true
        finish(unhealthy(`health: no answer in ${millis} ms`))
        control.abort(new Error(`health: no answer in ${millis} ms`))
      })
      const left = running.add(() => {
        finish(undefined)
        control.abort(new ClosedError())
      })
      const ended = (verdict: () => Verdict | undefined) => {
        this.#hung = false
        if (over) return
        try {
          finish(verdict())
        } catch (error) {
          this.#events.wrong(messageOf(error))
          finish(undefined)
        }
      }
      new Promise<HealthAnswer>((answer) => answer(this.#ask({ signal: control.signal }))).then(
        (answer) => ended(() => verdictOf(answer)),
        (error) => ended(() => unhealthy(`health: ${messageOf(error)}`))
      )
    })
  }
}

/** Undefined: the application has no `health`. */
export const checkup = (
  checked: Checked,
  limits: HookLimits,
  values: { readonly position: () => Position },
  transport: Pick<Transport, "reportHealth">,
  listeners: { readonly event: (event: ClientEvent) => void }
): Checkup | undefined =>
  checked.health &&
  new Checkup(checked.health, checked.healthMillis, limits, {
    position: () => values.position(),
    report: (at, { status, message, metrics }) =>
      transport.reportHealth(healthReport(checked, at, status, message, metrics)),
    wrong: (reason) => listeners.event({ type: "listener-failed", listener: "health", reason })
  })
