/**
 * Serves one call of `Consume`, from its first message to its end.
 *
 *   QY3  A call that says nothing within 5 s is ended. So is one whose API key is good no more, that takes nothing for a minute, or whose server leaves.
 *   QY4  Whoever closes its half has begun nothing that it did not answer. It is told which of its answers are durable, for at most 3 s, and the
 *        call ends well. A call that breaks off says nothing of that kind.
 *   QY5  Consumers are limited in number: in all, and of a principal, which leaves room for others.
 */
import { Clock, Deferred, Effect, Exit, type Fiber, Scope } from "effect"
import { type ConsumeRequest, TopicServiceService } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { Access } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { Places } from "../../../access/Places.ts"
import { requireTopic } from "../../../access/RequireTopic.ts"
import { mayTopic } from "../../../access/TopicRights.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { Consuming, type Joined, type Wish } from "../../../subscriptions/Consuming.ts"
import { afterEvery } from "../../../telemetry/Every.ts"
import { isFailure } from "../Decode.ts"
import { richStatusOf, richStatusOfExit } from "../RichStatus.ts"
import type { CallStatus } from "../ServerCall.ts"
import type { Admitted, AdmittedHandler } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK } from "../Status.ts"
import { answersOf, consumeRequest, countOf, joinedOnWire, outputOnWire, wishOf } from "./ConsumeWire.ts"

/** QY5 */
export const CONSUMERS: readonly [inAll: number, ofPrincipal: number] = [2_000, 1_600]
/** Milliseconds. QY3 */
const FIRST_MESSAGE = 5_000
const STUCK = 60_000
/** Milliseconds. QY4 */
const LAST_RECEIPT = 3_000
/** Between two looks at keys and at who takes nothing. QY3 */
const CHECK = "2 seconds"

const METHOD = TopicServiceService.consume.path.slice(1)

const leaving = failure("Draining", "this server is leaving; come back to another")
const noBegin = failure("InvalidInput", "no ConsumeRequest came")

interface Consumer {
  readonly identity: Identity
  /** Milliseconds for which it took nothing of what waits for it. */
  readonly stuckFor: () => number
  readonly end: (error: HeraldError) => void
  readonly over: Deferred.Deferred<void>
}

/** What a call that takes part holds. */
interface Part {
  readonly joined: Joined
  readonly scope: Scope.Closeable
  readonly sending: Fiber.Fiber<unknown, unknown>
}

export const makeConsume = Effect.fnUntraced(function* ({ arrivals }: Pick<Admitted, "arrivals">, most = CONSUMERS) {
  const access = yield* Access
  const consuming = yield* Consuming
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const places = new Places(most)
  const consumers = new Set<Consumer>()
  let isLeaving = false

  const join = Effect.fnUntraced(function* (wish: Wish, identity: Identity) {
    yield* Effect.provideService(requireTopic("topics.consume", wish.topicName), CurrentIdentity, identity)
    if (isLeaving) return yield* leaving
    const scope = yield* Scope.make()
    const joined = yield* Effect.onError(Scope.provide(consuming.join(wish), scope), (cause) =>
      Scope.close(scope, Exit.failCause(cause))
    )
    return { joined, scope }
  })

  const refusal = (identity: Identity): HeraldError | (() => void) => {
    if (!mayTopic(identity, "topics.consume", undefined))
      return failure("Forbidden", `${identity.name} is a ${identity.role} and consumes no topic`)
    const place = places.take("", identity.name)
    if (typeof place !== "number") return place
    return place === 0
      ? failure("ServerFull", `all ${most[0]} consumers of this server are taken`)
      : failure("TooManySubscriptions", `${identity.name} has all the consumers that one principal may have`)
  }

  const consume: AdmittedHandler = (call, identity) => {
    const place = refusal(identity)
    if (isFailure(place)) return call.end(richStatusOf(place))
    let over = false
    let begun = false
    let part: Part | undefined
    let blockedAt: number | undefined
    let [asked, confirmed] = [0, 0]
    let confirms = () => {}
    const its: Consumer = {
      ...{ identity, over: Deferred.makeUnsafe<void>(), end: (error) => fail(error) },
      stuckFor: () => (blockedAt === undefined ? 0 : clock.currentTimeMillisUnsafe() - blockedAt)
    }
    consumers.add(its)

    /** `counts`: it may have begun what it has. QY4 */
    const left = (counts: boolean) => {
      over = true
      clearTimeout(late)
      place()
      consumers.delete(its)
      const ended = () => void Deferred.doneUnsafe(its.over, Effect.void)
      if (part === undefined) return ended()
      if (!counts) part.joined.handIn()
      part.sending.interruptUnsafe()
      run(Scope.close(part.scope, Exit.void)).addObserver(ended)
    }
    const finish = (status: CallStatus, counts: boolean) => {
      if (over) return
      left(counts)
      call.end(status)
    }
    /** The server ends it, for no fault of what it has. */
    const fail = (error: HeraldError): void => finish(richStatusOf(error), false)
    const late = setTimeout(() => fail(failure("InvalidInput", "no ConsumeRequest came within 5 s")), FIRST_MESSAGE)

    const clear = Effect.callback<void>((resume) => {
      blockedAt = clock.currentTimeMillisUnsafe()
      call.whenClear(() => {
        blockedAt = undefined
        resume(Effect.void)
      })
    })

    const send = Effect.fnUntraced(function* ({ take }: Joined) {
      while (true)
        for (const output of yield* take) {
          const wire = outputOnWire(output)
          if (wire instanceof HeraldError) return wire
          const isClear = call.send(wire)
          if (output.is === "durable") confirmed = output.receipt
          if (output.is === "durable") confirms()
          if (!isClear) yield* clear
        }
    })

    const heard = (request: ConsumeRequest | HeraldError, { joined }: Part) => {
      const answers = request instanceof HeraldError ? request : answersOf(request)
      if (answers instanceof HeraldError) return fail(answers)
      const { granted, receipt } = request as ConsumeRequest
      const wanted = countOf(receipt)
      if (wanted > 0) asked = wanted
      if (answers.length > 0 || wanted > 0) joined.answer(answers, wanted === 0 ? undefined : wanted)
      joined.grant(countOf(granted))
      call.read()
    }

    const opened = (exit: Exit.Exit<Omit<Part, "sending">, HeraldError>, request: ConsumeRequest) => {
      if (Exit.isFailure(exit)) return finish(richStatusOfExit(exit), false)
      const { joined, scope } = exit.value
      if (over) {
        joined.handIn()
        run(Scope.close(scope, Exit.void))
        return
      }
      call.begin({})
      call.send(joinedOnWire(joined))
      joined.grant(countOf(request.granted))
      const sending = run(send(joined))
      part = { joined, scope, sending }
      sending.addObserver((sent) => {
        if (Exit.isSuccess(sent)) fail(sent.value)
        else if (!over) finish(richStatusOfExit(sent), false)
      })
      call.read()
    }

    const begin = (bytes: Buffer) => {
      if (over) return
      const request = consumeRequest(bytes)
      const wish = isFailure(request) ? request : wishOf(request)
      if (wish instanceof HeraldError) return fail(wish)
      const first = request as ConsumeRequest
      if (first.answers.length > 0) return fail(failure("InvalidInput", "answers: there is nothing to be answered yet"))
      run(traced(METHOD, call, join(wish, identity), true)).addObserver((exit) => opened(exit, first))
    }

    /** QY4 */
    const closed = () => {
      if (part === undefined) return fail(noBegin)
      const done = () => finish(OK, false)
      if (confirmed >= asked) return done()
      part.joined.handIn()
      const waited = setTimeout(done, LAST_RECEIPT)
      confirms = () => {
        if (confirmed < asked) return
        clearTimeout(waited)
        done()
      }
    }

    call.hear({
      message: (bytes) => {
        if (over) return
        if (part !== undefined) return heard(consumeRequest(bytes), part)
        if (begun) return
        begun = true
        clearTimeout(late)
        arrivals.soon(() => begin(bytes)) // G11
      },
      end: () => {
        if (!over) closed()
      },
      over: () => {
        if (!over) left(true)
      }
    })
    call.read()
  }

  /** QY3 */
  const check = Effect.suspend(() => {
    for (const { stuckFor, end } of [...consumers])
      if (stuckFor() > STUCK) end(failure("SlowConsumer", `it took nothing for ${STUCK / 1_000} s`))
    const byKey = Map.groupBy(consumers, ({ identity }) => identity.keyId)
    return Effect.forEach(
      byKey.values(),
      Effect.fnUntraced(function* (all) {
        const { identity } = all[0]!
        if (yield* access.stillValid(identity)) return
        const gone = failure("KeyRevoked", `the API key ${identity.name} is no longer valid`)
        for (const { end } of all) end(gone)
      }),
      { discard: true }
    )
  })
  yield* Effect.forkScoped(afterEvery("consumers were not looked at", CHECK, check))

  const drain = Effect.suspend(() => {
    isLeaving = true
    const all = [...consumers]
    for (const { end } of all) end(leaving)
    return Effect.forEach(all, ({ over }) => Deferred.await(over), { concurrency: "unbounded", discard: true })
  })

  return { handlers: { consume }, drain }
})
