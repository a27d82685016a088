/** A database as the writer sees it, which loses answers, hangs and chokes when a test wants that. */
import { Clock, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import type { Connection } from "effect/sql/SqlConnection"
import { ConnectionError, LockTimeoutError, SqlError, UnknownError } from "effect/sql/SqlError"

export type Mood = "fine" | "chokes" | "answer lost" | "away" | "hangs"
interface Sent {
  readonly commitId: string
  readonly notAfter: number
  readonly changes: ReadonlyArray<{ readonly key: string }>
}
interface Flat extends Omit<Sent, "changes"> {
  readonly key: string
}
const whole = ({ key, ...sent }: Flat): Sent => ({ ...sent, changes: [{ key }] })

interface Terms {
  readonly clock: string
  readonly wait: number
  readonly since: unknown
}

export const gone = new SqlError({
  reason: new ConnectionError({ cause: new Error("reset by peer"), message: "reset" })
})
export const choked = new SqlError({
  reason: new UnknownError({ cause: new Error("out of range"), message: "choked" })
})
export const held = new SqlError({
  reason: new LockTimeoutError({ cause: Object.assign(new Error("held"), { code: "55P03" }), message: "held" })
})

/**
 * What `herald_commit` promises: an idempotency key is committed once, and answered again; nothing is committed after its time; what is on
 * terms of another server's clock is not looked at. `herald_publish` does the same for what nothing stands in the way of, or nothing. A key named `poison` is an error, and the answer to one named
 * `unreadable` says nothing of it.
 */
export class Database {
  readonly committed = new Map<string, ReadonlyArray<{ readonly key: string }>>()
  readonly batches: Array<number> = []
  readonly terms: Array<Terms> = []
  /** Whether each call was of `herald_publish`. */
  readonly short: Array<boolean> = []
  /** When it was sent something, by its own clock. */
  readonly asked: Array<number> = []
  /** The moods of the next calls; after those, `always`. */
  moods: Array<Mood> = []
  always: Mood = "fine"
  server = "one"
  epoch = "e"
  /** Milliseconds by which its clock is ahead of this process's. */
  ahead = 3_600_000
  /** Until when another session has the lock: milliseconds by this process's clock. */
  heldUntil = 0
  /** Milliseconds that a statement is on its way. */
  transit = 0
  /** Milliseconds that a commit takes after it has read its clock. */
  afterwards = 0

  /** A statement goes on when nobody waits for it any more. */
  readonly #statement = ([text]: TemplateStringsArray, json: string, termsJson: string) =>
    Effect.flatMap(Effect.forkDetach(this.#run(text!.includes("herald_publish"), json, termsJson)), Fiber.join)

  #run(plain: boolean, json: string, termsJson: string) {
    return Effect.gen({ self: this }, function* () {
      if (typeof termsJson !== "string") return [] // who holds the lock
      const terms = JSON.parse(termsJson) as Terms
      const mood = this.moods.shift() ?? this.always
      if (mood === "hangs") return yield* Effect.never
      if (mood === "chokes") return yield* choked
      yield* Effect.sleep(this.transit)
      this.terms.push(terms)
      this.short.push(plain)
      if (terms.clock !== this.server) return [{ answers: null, clock: yield* this.#clock }]
      const waits = this.heldUntil - (yield* Clock.currentTimeMillis)
      if (waits > 0) yield* Effect.sleep(Math.min(waits, terms.wait))
      if (waits > terms.wait) return yield* held
      const batch = plain
        ? (JSON.parse(json) as ReadonlyArray<Flat>).map(whole)
        : (JSON.parse(json) as ReadonlyArray<Sent>)
      const told = yield* this.#clock
      if (plain && !batch.every((sent) => this.#isOrdinary(sent, told.now))) return [{ answers: null, clock: told }]
      this.batches.push(batch.length)
      if (batch.some(({ changes }) => changes[0]?.key === "poison")) return yield* choked
      const { now } = yield* this.#clock
      this.asked.push(now)
      const before = String(this.committed.size)
      const each = batch.map((sent) => this.#commit(sent, now))
      const answers = plain ? { epoch: this.epoch, before, commits: each.map(() => [0, 1, 0]) } : each
      if (mood === "answer lost") return yield* gone
      const clock = yield* this.#clock
      yield* Effect.sleep(this.afterwards)
      return [{ answers, clock }]
    })
  }

  readonly #reserve = Effect.suspend(() => {
    if ((this.moods[0] ?? this.always) !== "away") return Effect.succeed({} as Connection)
    this.moods.shift()
    return Effect.fail(gone)
  })

  readonly sql = Object.assign(this.#statement, {
    reserve: this.#reserve,
    transactionService: SqlClient.TransactionConnection(0)
  }) as unknown as SqlClient.SqlClient

  get #clock() {
    return Effect.map(Clock.currentTimeMillis, (now) => ({ server: this.server, now: Math.floor(now) + this.ahead }))
  }

  /** Keys of what was committed. */
  get keys(): ReadonlyArray<string> {
    return [...this.committed.values()].map(([first]) => first!.key)
  }

  /** What `herald_publish` takes. */
  #isOrdinary({ commitId, changes, notAfter }: Sent, now: number) {
    return !this.committed.has(commitId) && changes[0]?.key !== "unreadable" && now <= notAfter
  }

  #commit({ commitId, changes, notAfter }: Sent, now: number) {
    const replayed = this.committed.has(commitId)
    if (!replayed && now > notAfter) return { ok: false, name: "Timeout", message: "too late", details: {} }
    if (!replayed) this.committed.set(commitId, changes)
    const revision = String([...this.committed.keys()].indexOf(commitId) + 1)
    if (!replayed) {
      return {
        ok: true,
        replayed,
        revision,
        epoch: this.epoch,
        committedAt: 0,
        versions: changes[0]?.key === "unreadable" ? [] : changes.map(() => ({ version: 1, createdAt: 0 }))
      }
    }
    const row = { revision, epoch: this.epoch, payload: [], traceparent: "", actor: "", message: "", committedAt: 0 }
    return { ok: true, replayed, row }
  }
}
