/**
 * How an instance stands to a rollout whose cohort it is in, by what one session of it did. Pure state.
 *
 *   IS1  It has applied the change when it has applied all of the targets that it wants, each in the version that is the candidate's.
 *   IS2  A report counts from the revision on by which the instance has the change: what it said before is of something else. Healthy is only
 *        who applied the change; whoever was sent it may say that it is unhealthy.
 *   IS3  A session that ends soon after it got the change may be a crash; one that ends later is none, however often that happens.
 *   IS4  One that is in no stage any more has left: a history that was lost had begun it. What it says counts again once it is in.
 */
import type { Condition } from "../rollouts/Evidence.ts"

/** Nanoseconds after which a connection that breaks has nothing to do with the change: proxies end long calls, and networks are mended. IS3 */
const SOON = 10n * 60n * 1_000_000_000n

/** What is known of one target. */
const [UNWANTED, DUE, SENT, APPLIED, REJECTED] = [0, 1, 2, 3, 4]

/** The position of no change. */
const OUT = 0n

export class Standing {
  /** `<run>/<number>`. */
  readonly session: string
  stage: number
  /** Of the transition by which it has the change. */
  revision: bigint
  is: Condition = "offered"
  reason = ""
  broke: 0 | 1 = 0
  /** How often it was told of. */
  number = 0
  /** The newest of these that said something else than the one before. */
  news = 0
  #isNews = true
  /** By target. */
  readonly #keys: Array<number>
  /** Undefined: nothing, since it is due the change. */
  #said: "healthy" | "degraded" | "unhealthy" | undefined
  #gotAt: bigint | undefined

  /** `wants`: which of the targets. */
  constructor(session: string, stage: number, revision: bigint, wants: ReadonlyArray<boolean>) {
    this.session = session
    this.stage = stage
    this.revision = revision
    this.#keys = wants.map((wanted) => (wanted ? DUE! : UNWANTED!))
  }

  /** EE7 */
  get said(): boolean {
    return this.#said !== undefined
  }

  /** It has applied the change, and is there. IS1 */
  get hasApplied(): boolean {
    return this.#keys.every((state) => state === UNWANTED || state === APPLIED)
  }

  get wasSent(): boolean {
    return this.#gotAt !== undefined
  }

  /** IS4 */
  get isOut(): boolean {
    return this.revision === OUT
  }

  /** The change is another one from now on. Returns whether it is. */
  due(stage: number, revision: bigint): boolean {
    return this.#anew(stage, revision, "offered")
  }

  /** It is to have the change no more. Returns whether it was. IS4 */
  leaves(): boolean {
    return this.#anew(this.stage, OUT, "left")
  }

  #anew(stage: number, revision: bigint, is: Condition): boolean {
    if (revision === this.revision) return false
    this.stage = stage
    this.revision = revision
    this.#isNews = true
    this.#said = undefined
    this.#gotAt = undefined
    for (let at = 0; at < this.#keys.length; at++) if (this.#keys[at] !== UNWANTED) this.#keys[at] = DUE!
    this.#becomes(is, "")
    return true
  }

  /** The others return whether that is news. `now`: monotonic nanoseconds. */
  sent(target: number, now: bigint): boolean {
    this.#gotAt ??= now
    if (this.#keys[target] !== DUE) return false
    this.#keys[target] = SENT!
    return this.#look("")
  }

  applied(target: number, now: bigint): boolean {
    this.#gotAt ??= now
    if (this.#keys[target] === UNWANTED) return false
    this.#keys[target] = APPLIED!
    return this.#look("")
  }

  rejected(target: number, reason: string): boolean {
    if (this.#keys[target] === UNWANTED) return false
    this.#keys[target] = REJECTED!
    return this.#look(reason)
  }

  /** Returns whether it counts. IS2 */
  reported(health: "healthy" | "degraded" | "unhealthy", revision: bigint, reason: string): boolean {
    if (revision < this.revision || !this.wasSent) return false
    if (!this.said) this.#isNews = true // EE7
    this.#said = health
    this.#look(health === "unhealthy" ? reason : "")
    return true
  }

  /** `gone`: nobody knows how it is. IS3 */
  ended(gone: boolean, now: bigint): void {
    const had = this.#gotAt
    const isGone = gone && had !== undefined
    this.#isNews = true
    if (isGone) this.broke = now - had < SOON ? 1 : 0
    // EE7: what it said may not be written yet.
    if (this.is === "unhealthy" || this.is === "rejected") return
    if (isGone) this.#becomes("gone", this.reason)
    else this.#becomes("left", "")
  }

  /** It is told of as it is now. */
  tell(): void {
    this.number++
    if (this.#isNews) this.news = this.number
    this.#isNews = false
  }

  #look(reason: string): boolean {
    if (this.#keys.includes(REJECTED!)) return this.#becomes("rejected", reason)
    if (this.#said === "unhealthy") return this.#becomes("unhealthy", reason)
    if (this.hasApplied) return this.#becomes(this.#said === "healthy" ? "healthy" : "applied", "")
    return this.#becomes(this.wasSent ? "delivered" : "offered", "")
  }

  #becomes(is: Condition, reason: string): boolean {
    if (this.is === is) return false
    this.#isNews = true
    this.is = is
    this.reason = reason
    return true
  }
}
