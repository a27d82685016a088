/**
 * Consumers that are connected to this node, by whatever door: who may be one and how many, when one is ended, and what that says of what it had.
 *
 *   QU1  Who may not consume is none; consumers are limited in number: in all, and of a principal, which leaves room for others.
 *   QU2  One whose API key is good no more, that takes nothing for a minute, or whose server leaves is ended. What it had counts as no attempt then.
 *   QU3  Whoever says goodbye has begun nothing that it did not answer. It is told which of its answers are durable, for at most 3 s, and ends well.
 *        A connection that breaks says nothing of that kind.
 */
import { Clock, Context, Deferred, Effect, Exit, type Fiber, Layer, Scope } from "effect"
import { CurrentIdentity, type Identity } from "../access/Identity.ts"
import { Places } from "../access/Places.ts"
import { refusalAnywhere } from "../access/Refusal.ts"
import { requireTopic } from "../access/RequireTopic.ts"
import { makeWatching } from "../access/Watching.ts"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import { afterEvery } from "../telemetry/Every.ts"
import type { Answer } from "./Answer.ts"
import { Consuming, type Joined, type Wish } from "./Consuming.ts"
import type { Output } from "./Seat.ts"

/** What goes out to a consumer. */
export type Told = Exclude<Output, { readonly is: "ended" | "lost" }>

/** The other end, as its door has it. */
export interface Peer {
  /** It takes part. */
  readonly joined: (joined: Joined) => void
  /** False: much waits to be taken; nothing more is told until `whenClear` calls back. */
  readonly tell: (told: Told) => boolean
  readonly whenClear: (then: () => void) => void
  /** It has taken all that it granted: nothing waits for it until there is more for it. Left out: nobody counts that. */
  readonly isSpent?: () => boolean
  /** It is over, in order when no error says otherwise. Once; not where the connection broke. */
  readonly ended: (error: HeraldError | undefined) => void
}

/** What a consumer says. */
export interface Heard {
  readonly answers: ReadonlyArray<Answer>
  /** 0: it wants none. */
  readonly receipt: number
  /** Events that may come, counted from the beginning. */
  readonly granted: number
}

export interface ConsumerConnection {
  /** Once, and before anything is heard of it. Fails `Draining`, `Forbidden`, and as `Consuming.join`; `end` it then. */
  readonly join: (wish: Wish) => Effect.Effect<void, HeraldError>
  readonly hear: (heard: Heard) => void
  /** QU3 */
  readonly goodbye: () => void
  /** Nobody is there any more; it may have begun what it had. */
  readonly broke: () => void
  /** The server ends it, for no fault of what it has. */
  readonly end: (error: HeraldError) => void
}

/** QU1 */
export const CONSUMERS: readonly [inAll: number, ofPrincipal: number] = [2_000, 1_600]
/** Milliseconds. QU2 */
const STUCK = 60_000
/** QU3 */
const LAST_RECEIPT = "3 seconds"
/** Between two looks at keys and at who takes nothing. QU2 */
const CHECK = "2 seconds"
/** Answers that cost as much as one request. */
const PER_TOKEN = 100

/** Requests that so many answers count as. */
export const costOfAnswers = (answers: number): number => Math.ceil(answers / PER_TOKEN)

export class ConsumerConnections extends Context.Service<
  ConsumerConnections,
  {
    /** A place for one more; it holds it until it is over. Refuses with `Forbidden`, `ServerFull`, `TooManySubscriptions`, `Draining`. */
    readonly admit: (identity: Identity, peer: Peer) => ConsumerConnection | HeraldError
    /** Nobody joins any more, and all are sent to other nodes. */
    readonly drain: Effect.Effect<void>
  }
>()("herald/subscriptions/ConsumerConnections") {
  static readonly layer = (most = CONSUMERS) => Layer.effect(ConsumerConnections, make(most))
}

interface Open {
  readonly identity: Identity
  /** Milliseconds for which it took nothing of what waits for it. */
  readonly stuckFor: () => number
  readonly end: (error: HeraldError) => void
  readonly over: Deferred.Deferred<void>
}

/** What one that takes part holds. */
interface Part {
  readonly joined: Joined
  readonly scope: Scope.Closeable
  readonly telling: Fiber.Fiber<HeraldError, never>
}

const leaving = failure("Draining", "this server is leaving; come back to another")

/** Why there is nothing more to come. */
const endings = {
  slow: () => failure("SlowConsumer", "what waited for this consumer took too much room"),
  replaced: () => failure("ConsumerReplaced", "another consumer of this name came"),
  deleted: () => failure("NoSuchSubscription", "the subscription was deleted"),
  stopped: () => failure("SubscriptionStopped", "somebody stopped the subscription, so its consumers are sent away"),
  lost: () =>
    failure("ReceiptLost", "answers were not durable when their share of the subscription went to another node")
} as const

const make = Effect.fnUntraced(function* (most: readonly [inAll: number, ofPrincipal: number]) {
  const consuming = yield* Consuming
  const clock = yield* Clock.Clock
  /** Milliseconds of a clock that does not jump. */
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const places = new Places(most)
  const all = new Set<Open>()
  let isLeaving = false

  /** QU1 */
  const placeOf = (identity: Identity): HeraldError | (() => void) => {
    const refused = refusalAnywhere(identity, "topics.consume", clock.currentTimeMillisUnsafe())
    if (refused !== undefined) return refused
    if (isLeaving) return leaving
    const place = places.take("", identity.name)
    if (typeof place !== "number") return place
    return place === 0
      ? failure("ServerFull", `all ${most[0]} consumers of this server are taken`)
      : failure("TooManySubscriptions", `${identity.name} has all the consumers that one principal may have`)
  }

  const admit = (identity: Identity, peer: Peer): ConsumerConnection | HeraldError => {
    const place = placeOf(identity)
    if (place instanceof HeraldError) return place
    let part: Part | undefined
    let blockedAt: number | undefined
    let [over, asked, confirmed] = [false, 0, 0]
    let confirms = () => {}
    const end = (error: HeraldError) => finish(error, false)
    const its: Open = {
      ...{ identity, end, over: Deferred.makeUnsafe<void>() },
      stuckFor: () => (blockedAt === undefined ? 0 : now() - blockedAt)
    }
    all.add(its)

    /** `counts`: it may have begun what it has. QU3 */
    const left = (counts: boolean) => {
      over = true
      place()
      all.delete(its)
      const ended = () => void Deferred.doneUnsafe(its.over, Effect.void)
      if (part === undefined) return ended()
      if (!counts) part.joined.handIn()
      part.telling.interruptUnsafe()
      run(Scope.close(part.scope, Exit.void)).addObserver(ended)
    }
    const finish = (error: HeraldError | undefined, counts: boolean) => {
      if (over) return
      left(counts)
      peer.ended(error)
    }

    const clear = Effect.callback<void>((resume) => {
      blockedAt = now()
      peer.whenClear(() => {
        blockedAt = undefined
        resume(Effect.void)
      })
    })

    const tell = Effect.fnUntraced(function* ({ take }: Joined) {
      let spent = false
      while (true)
        for (const output of yield* take) {
          if (output.is === "ended") return endings[output.why]()
          if (output.is === "lost") return endings.lost()
          if (spent) yield* clear
          const isClear = peer.tell(output)
          spent = !isClear && peer.isSpent?.() === true // QU2
          if (output.is === "durable") {
            confirmed = output.receipt
            confirms()
          }
          if (!isClear && !spent) yield* clear
        }
    })

    const join = Effect.fnUntraced(function* (wish: Wish) {
      yield* Effect.provideService(requireTopic("topics.consume", wish.topicName), CurrentIdentity, identity)
      if (isLeaving) return yield* leaving
      const scope = yield* Scope.make()
      const joined = yield* Effect.onError(Scope.provide(consuming.join(wish, identity.name), scope), (cause) =>
        Scope.close(scope, Exit.failCause(cause))
      )
      if (over) {
        joined.handIn()
        return yield* Scope.close(scope, Exit.void)
      }
      peer.joined(joined)
      const telling = run(tell(joined))
      part = { joined, scope, telling }
      telling.addObserver((told) => {
        if (Exit.isSuccess(told)) end(told.value)
        else if (!over) end(failure("Internal", "what a consumer was to be told met a defect", { cause: told.cause }))
      })
    })

    return {
      join,
      end,
      hear: ({ answers, receipt, granted }) => {
        if (over || part === undefined) return
        if (receipt > 0) asked = receipt
        if (answers.length > 0 || receipt > 0) part.joined.answer(answers, receipt === 0 ? undefined : receipt)
        part.joined.grant(granted)
      },
      goodbye: () => {
        const done = () => finish(undefined, false)
        if (over || part === undefined || confirmed >= asked) return done()
        part.joined.handIn()
        const late = run(Effect.delay(Effect.sync(done), LAST_RECEIPT))
        confirms = () => {
          if (confirmed < asked) return
          late.interruptUnsafe()
          done()
        }
      },
      broke: () => {
        if (!over) left(true)
      }
    }
  }

  const watching = yield* makeWatching
  /** QU2 */
  const check = Effect.suspend(() => {
    for (const { stuckFor, end } of [...all])
      if (stuckFor() > STUCK) end(failure("SlowConsumer", `it took nothing for ${STUCK / 1_000} s`))
    return watching(all, ({ end }, error) => end(error))
  })
  yield* Effect.forkScoped(afterEvery("consumers were not looked at", CHECK, check))

  const drain = Effect.suspend(() => {
    isLeaving = true
    const its = [...all]
    for (const { end } of its) end(leaving)
    return Effect.forEach(its, ({ over }) => Deferred.await(over), { concurrency: "unbounded", discard: true })
  })

  return ConsumerConnections.of({ admit, drain })
})
