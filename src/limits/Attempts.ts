/**
 * Limits by name how often somebody may be wrong, where it takes a while to find out.
 *
 *   GB1  A token is taken before an attempt begins, and given back where it was right, or where nobody is to blame: however many are begun at once, no
 *        more are wrong than the bucket has. One that was broken off is not known to be right.
 *   GB2  Whoever finds no token while others of the name are at it waits for them, first come first served, and is refused only by what turned out wrong:
 *        many who are right and come at once all get in. At most `WAITING` wait.
 *   GB3  Whoever is known by then needs no token.
 */
import { Deferred, Effect, type Exit } from "effect"
import { type RateLimit, RateLimits } from "./RateLimits.ts"

/** Of all names. GB2 */
const WAITING = 10_000

export interface Attempt<A, E, R> {
  /** What is known without an attempt. GB3 */
  readonly known: () => A | undefined
  readonly attempt: Effect.Effect<A, E, R>
  /** Whether it costs no token. */
  readonly isRight: (exit: Exit.Exit<A, E>) => boolean
  /** `wait`: milliseconds until one more may be wrong. */
  readonly refused: (wait: number) => Effect.Effect<A, E, R>
}

interface One {
  state: "waiting" | "taken" | "refused"
  isBegun: boolean
  wait: number
  readonly turn: Deferred.Deferred<void>
}

interface Name {
  taken: number
  readonly waiting: Set<One>
}

export class Attempts {
  readonly #limits: RateLimits
  readonly #now: () => number
  readonly #most: number
  /** Of which some are at it. */
  readonly #names = new Map<string, Name>()
  #waiting = 0

  /** `now`: milliseconds of a monotonic clock. */
  constructor(limit: RateLimit, now: () => number, most = WAITING) {
    this.#limits = new RateLimits(limit)
    this.#now = now
    this.#most = most
  }

  /** The milliseconds until one more could begin: 0, it can now. */
  wait(name: string): number {
    return this.#limits.wait(name, this.#now())
  }

  /** Those that are at it, and that wait. */
  get size(): number {
    let taken = this.#waiting
    for (const name of this.#names.values()) taken += name.taken
    return taken
  }

  run<A, E, R>(name: string, { known, attempt, isRight, refused }: Attempt<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      const found = this.wait(name) > 0 ? known() : undefined
      if (found !== undefined) return Effect.succeed(found)
      const one = this.#enter(name)
      const isFirst = one.state === "taken"
      const then = Effect.suspend(() => {
        const meanwhile = isFirst ? undefined : known()
        if (meanwhile !== undefined) return Effect.succeed(meanwhile)
        if (one.state === "refused") return refused(one.wait)
        one.isBegun = true
        return attempt
      })
      const waited = Effect.andThen(Deferred.await(one.turn), Effect.yieldNow) // so that no chain of them fills the stack
      return Effect.onExit(restore(one.state === "waiting" ? Effect.andThen(waited, then) : then), (exit) =>
        Effect.sync(() => this.#leave(name, one, !one.isBegun || isRight(exit)))
      )
    })
  }

  #enter(name: string): One {
    const wait = this.#limits.take(name, this.#now())
    const one: One = { state: "taken", isBegun: false, wait, turn: Deferred.makeUnsafe<void>() }
    const others = this.#names.get(name)
    if (wait === 0) {
      if (others === undefined) this.#names.set(name, { taken: 1, waiting: new Set() })
      else others.taken++
    } else if (others === undefined || this.#waiting >= this.#most) one.state = "refused"
    else {
      one.state = "waiting"
      others.waiting.add(one)
      this.#waiting++
    }
    return one
  }

  #leave(name: string, one: One, isRight: boolean): void {
    const others = this.#names.get(name)
    if (others === undefined || one.state === "refused") return
    if (one.state === "waiting") {
      others.waiting.delete(one)
      this.#waiting--
      return
    }
    others.taken--
    if (isRight) this.#limits.giveBack(name, this.#now())
    for (const next of others.waiting) {
      next.wait = this.#limits.take(name, this.#now())
      if (next.wait > 0 && others.taken > 0) break
      others.waiting.delete(next)
      this.#waiting--
      if (next.wait === 0) others.taken++
      next.state = next.wait === 0 ? "taken" : "refused"
      Deferred.doneUnsafe(next.turn, Effect.void)
    }
    if (others.taken === 0) this.#names.delete(name)
  }
}
