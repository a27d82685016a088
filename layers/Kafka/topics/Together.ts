/**
 * Puts questions together that can go in one request.
 *
 *   KQ4  Who asks goes with all who ask at that time, and while `AT_ONCE` requests are under way, with all who ask meanwhile: so a thousand topics cost a
 *        few requests, however they are asked for. Each question has its own answer, error and deadline. What waits is bounded, and a request is, too.
 *   KQ6  A question that fails when nobody waits for its answer any more is nothing: a promise that nobody has would end the process.
 */
import { tooLate } from "./InTime.ts"
import { OwnWords } from "./Words.ts"

/** Requests that are under way. */
const AT_ONCE = 2
/** Milliseconds by which a question may be longer under way than anybody waits for it. */
const SWEEP = 100
/** Questions that wait for theirs. */
const MOST_WAITING = 100_000

export interface TogetherOptions<Q, A> {
  /** Questions of the same text have one answer. */
  readonly same: (question: Q) => string
  /** Two of one name don't go in one request. */
  readonly name: (question: Q) => string
  /** What it counts of `most`. */
  readonly weight: (question: Q) => number
  /** Of a request, about: one question goes alone whatever it weighs. */
  readonly most: number
  /** Asks, with so many milliseconds left; an answer or an error for each, in their order. */
  readonly ask: (questions: ReadonlyArray<Q>, left: () => number) => Promise<ReadonlyArray<A | Error>>
}

class Waiting<Q, A> {
  readonly question: Q
  /** Of whoever waits for longest. */
  left: () => number
  readonly promise: Promise<A>
  resolve: (answer: A) => void = () => {}
  reject: (cause: unknown) => void = () => {}

  constructor(question: Q, left: () => number) {
    this.question = question
    this.left = left
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.promise.catch(() => {}) // KQ6
  }
}

export class Together<Q, A> {
  readonly #of: TogetherOptions<Q, A>
  readonly #waiting = new Map<string, Waiting<Q, A>>()
  readonly #underWay = new Set<ReadonlyArray<Waiting<Q, A>>>()
  #isSoon = false
  #sweeping: NodeJS.Timeout | undefined

  constructor(of: TogetherOptions<Q, A>) {
    this.#of = of
  }

  /** `left`: milliseconds until nobody waits for the answer any more. */
  ask(question: Q, left: () => number): Promise<A> {
    const key = this.#of.same(question)
    const held = this.#waiting.get(key)
    if (held !== undefined) {
      if (left() > held.left()) held.left = left
      return held.promise
    }
    if (this.#waiting.size >= MOST_WAITING) return Promise.reject(new OwnWords("too many questions wait for Kafka"))
    const one = new Waiting<Q, A>(question, left)
    this.#waiting.set(key, one)
    this.#soon()
    this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP)
    return one.promise
  }

  /** Once all who ask now have asked. */
  #soon(): void {
    if (this.#isSoon || this.#underWay.size >= AT_ONCE || this.#waiting.size === 0) return
    this.#isSoon = true
    setImmediate(() => {
      this.#isSoon = false
      const lot = this.#take()
      if (lot.length > 0) void this.#run(lot)
      this.#soon()
    })
  }

  /** In the order in which they came. */
  #take(): ReadonlyArray<Waiting<Q, A>> {
    const { name, weight, most } = this.#of
    const lot: Array<Waiting<Q, A>> = []
    const names = new Set<string>()
    let total = 0
    for (const [key, one] of this.#waiting) {
      const its = name(one.question)
      if (names.has(its)) continue
      total += weight(one.question)
      if (lot.length > 0 && total > most) break
      names.add(its)
      lot.push(one)
      this.#waiting.delete(key)
    }
    return lot
  }

  async #run(lot: ReadonlyArray<Waiting<Q, A>>): Promise<void> {
    this.#underWay.add(lot)
    try {
      const answers = await this.#of.ask(
        lot.map(({ question }) => question),
        () => lot.reduce((most, { left }) => Math.max(most, left()), 0)
      )
      for (const [at, one] of lot.entries()) {
        const answer = answers[at]
        if (answer instanceof Error) one.reject(answer)
        else one.resolve(answer as A)
      }
    } catch (cause) {
      for (const one of lot) one.reject(cause)
    } finally {
      this.#underWay.delete(lot)
      this.#soon()
    }
  }

  /** One timer for all: who waits for an answer whose time is over is told so, whoever else is in the same request. */
  #sweep(): void {
    for (const [key, one] of this.#waiting)
      if (one.left() <= 0) {
        this.#waiting.delete(key)
        one.reject(tooLate())
      }
    for (const lot of this.#underWay) for (const one of lot) if (one.left() <= 0) one.reject(tooLate())
    if (this.#waiting.size > 0 || this.#underWay.size > 0) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }
}
