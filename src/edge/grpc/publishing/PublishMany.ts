/**
 * Serves one call of `PublishMany`.
 *
 *   PM1  Each item is answered once, in the order in which they came, with what it became or why not; one that fails ends nothing.
 *   PM2  Items of one key happen in their order, and an environment's variables between what came before and after. Others don't wait.
 *   PM3  At most `WINDOW` items and `BYTES` bytes of them are not answered yet; until there is room, no more is read. So a client that doesn't
 *        read its answers is read no further.
 *   PM7  Items of all streams have a bound in bytes, in all and for one principal, from when they are decoded until they are answered; a value
 *        that comes in parts from its first part on. Who finds no room is read no further.
 *   PM8  A stream on which nothing came for `IDLE`, or for `REST` while the rest of a value is awaited, ends. So does one whose client takes no answer
 *        for `STUCK`: it would keep its place, and its share of PM7, for ever.
 *   PM4  A principal over its rate is not refused, but read as fast as its rate allows. What brings no whole item costs, too.
 *   PM5  A stream whose API key is good no more, or whose server leaves, reads no further, and nothing that waits to begin does; what was begun
 *        is answered, and then the call ends with the reason. What has no answer was not begun. Where answers take too long for that, the
 *        reason is that the outcome is unknown.
 *   PM6  Whatever began is given up when the client leaves: what the database has not got by then, it never gets.
 */
import { Clock, Deferred, Effect, Exit, type Fiber, Metric, Option } from "effect"
import {
  PublishManyResponse,
  type PublishRequest,
  type PublishResponse,
  type PublishResult
} from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import type { Identity } from "../../../access/Identity.ts"
import { makePacing } from "../../../access/Pacing.ts"
import { Places } from "../../../access/Places.ts"
import { makeWatching } from "../../../access/Watching.ts"
import { ByteBudget } from "../../../bounds/ByteBudget.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { afterEvery } from "../../../telemetry/Every.ts"
import { counter, each } from "../../../telemetry/Metrics.ts"
import { isFailure } from "../Decode.ts"
import { problemOf, richStatusOf, richStatusOfExit } from "../RichStatus.ts"
import type { ServerCall } from "../ServerCall.ts"
import type { AdmittedHandler } from "../Service.ts"
import { childOf, traced } from "../Spans.ts"
import { errorIn, OK } from "../Status.ts"
import { Answers } from "./Answers.ts"
import { Claims, mostOf, PARTED, weightOf } from "./Claims.ts"
import { publishManyRequest } from "./Decode.ts"
import { Messages, Whole } from "./Messages.ts"
import { Order } from "./Order.ts"
import { costOf, costOfReading, makePublish, untilOf } from "./Publish.ts"
import { bytesOf, targetOf } from "./Wire.ts"

/** Open streams, in all and of one principal. */
const STREAMS: readonly [inAll: number, ofPrincipal: number] = [128, 32]
/** Bytes of items that are not answered yet, of all streams and of those of one principal. PM7 */
const BOUNDS: readonly [inAll: number, ofPrincipal: number] = [67_108_864, 50_331_648]
/** Milliseconds. PM8 */
const IDLE = 600_000
const REST = 30_000
const STUCK = 60_000
/** Milliseconds until room is looked for again that others took. */
const ROOM = 20
/** How long a call that has to end waits for answers to what it began. PM5 */
const LAST_ANSWERS = "2 seconds"

const items = counter(
  "herald_publish_items_total",
  "items of PublishMany that were answered: published, refused for what they ask, or failed on the server's side",
  each("outcome", ["published", "refused", "failed"])
)
const [published, refused, failed] = (["published", "refused", "failed"] as const).map((outcome) =>
  Metric.withAttributes(items, { outcome })
) as [typeof items, typeof items, typeof items]

/** PM5 */
const unanswered = ({ message }: HeraldError) =>
  failure("OutcomeUnknown", `${message}, and the first item without an answer may be committed by now, or may not`)

const silent = (within: boolean) =>
  failure(
    "Timeout",
    within
      ? `the rest of a value did not come within ${REST / 1_000} s`
      : `nothing came for ${IDLE / 60_000} minutes; open another stream when there is something`
  )

const stuck = failure("Timeout", `its answers were not taken for ${STUCK / 1_000} s`)

interface Open {
  readonly identity: Identity
  readonly answers: Answers
  readonly messages: Messages
  readonly whole: Whole
  readonly over: Deferred.Deferred<void>
}

/** `method`: its full name. */
export const makePublishMany = Effect.fnUntraced(function* (
  method: string,
  bounds: readonly [inAll: number, ofPrincipal: number] = BOUNDS
) {
  const paced = yield* makePacing
  const watching = yield* makeWatching
  const publish = yield* makePublish
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const places = new Places(STREAMS)
  const budget = new ByteBudget(...bounds)
  const streams = new Set<Open>()
  let leaving: HeraldError | undefined

  const told = Effect.fnUntraced(function* (exit: Exit.Exit<PublishResponse, HeraldError>) {
    if (Exit.isSuccess(exit)) {
      yield* Metric.update(published, 1)
      return { outcome: { $case: "published", value: exit.value } } satisfies PublishResult
    }
    const error = errorIn(exit)
    if (error.refused) yield* Metric.update(refused, 1)
    else yield* Effect.andThen(Metric.update(failed, 1), Effect.logError("an item of PublishMany failed", exit.cause))
    return { outcome: { $case: "problem", value: problemOf(error) } } satisfies PublishResult
  })

  const serve = Effect.fnUntraced(function* (
    call: ServerCall,
    { identity, messages, whole, answers }: Open,
    claims: Claims
  ) {
    const asking = { identity, until: untilOf(clock, call) }
    const order = new Order()
    messages.whenStopped = () => answers.stop()

    /** Waits for room. PM7 */
    const room = (bytes: number): Effect.Effect<void> =>
      Effect.suspend(() =>
        messages.stopped !== undefined || claims.take(bytes)
          ? Effect.void
          : Effect.andThen(Effect.sleep(ROOM), room(bytes))
      )

    /** Not to be left in between, or what it took would stay taken. */
    const begun = (item: PublishRequest) =>
      Effect.suspend(() => {
        if (messages.stopped !== undefined) return Effect.void // PM5
        const answered = claims.leave(weightOf(item))
        const slot = answers.take(bytesOf(item))
        const turn = order.take(targetOf(item))
        const done = Effect.gen(function* () {
          for (const one of turn.after) yield* Deferred.await(one) // PM2
          answers.give(slot, yield* Effect.flatMap(Effect.exit(publish(item, asking)), told))
          turn.end() // of a stream that is over nothing else begins
        }).pipe(Effect.ensuring(Effect.sync(answered)))
        return Effect.forkChild(done, { startImmediately: true }) // PM6
      }).pipe(Effect.uninterruptible)

    const begin = Effect.fnUntraced(function* (item: PublishRequest) {
      yield* answers.room // PM3
      const { environment } = targetOf(item)
      yield* paced(identity, costOf(item, bytesOf(item)), () => messages.stopped !== undefined, environment) // PM4, PM5
      yield* begun(item)
    })

    /** Begins what comes, until nothing more does; returns why, where that is not the client's will. */
    const read = Effect.gen(function* (): Effect.fn.Return<HeraldError | undefined> {
      while (true) {
        const heard = yield* messages.next
        if (heard instanceof HeraldError) return heard
        if (heard === "end")
          return whole.waits ? failure("InvalidInput", "the last value is not whole: its rest did not come") : undefined
        const parted = whole.waits
        const most = parted ? 0 : mostOf(heard.length)
        yield* room(most)
        if (messages.stopped !== undefined) return messages.stopped
        const message = publishManyRequest(heard)
        if (isFailure(message)) return message
        const its = whole.take(message)
        if (its instanceof HeraldError) return its
        const first = parted ? its[0] : undefined
        const others = parted ? its.slice(1) : its
        const weight = others.reduce((sum, item) => sum + weightOf(item), 0)
        if (!parted) claims.give(most - weight)
        if (first !== undefined) {
          claims.give(PARTED - weightOf(first))
          yield* begin(first)
          yield* room(weight)
        }
        // With an item that is whole, its bytes are paid for.
        if (its.length === 0)
          yield* paced(identity, 1 + costOfReading(heard.length), () => messages.stopped !== undefined)
        for (const item of others) {
          if (messages.stopped !== undefined) return messages.stopped // PM5
          yield* begin(item)
        }
        if (whole.waits && (!parted || first !== undefined)) yield* room(PARTED)
      }
    })
    const reason = yield* read
    if (reason === undefined) return yield* Effect.as(answers.all, undefined)
    const answered = yield* Effect.timeoutOption(answers.all, LAST_ANSWERS)
    return Option.isSome(answered) ? reason : unanswered(reason)
  })

  /** PM8 */
  const endSilent = Effect.sync(() => {
    for (const { messages, whole, answers } of streams)
      if (messages.silentFor > (whole.waits ? REST : IDLE)) messages.stop(silent(whole.waits))
      else if (answers.stuckFor > STUCK) messages.stop(stuck)
  })

  /** A3 */
  const endRevoked = watching(streams, ({ messages }, error) => messages.stop(error))
  yield* Effect.forkScoped(
    afterEvery(
      "the API keys of streams that publish could not be looked at",
      "1 second",
      Effect.andThen(endSilent, endRevoked)
    )
  )

  const placeOf = (identity: Identity): Effect.Effect<() => void, HeraldError> => {
    const place = places.take("", identity.name)
    return typeof place === "number"
      ? Effect.fail(failure("ServerFull", "too many streams that publish are open; use those, or try again"))
      : Effect.succeed(place)
  }

  const drain = Effect.suspend(() => {
    leaving = failure("Draining", "the server is leaving; send what was not answered to another")
    for (const { messages } of streams) messages.stop(leaving) // PM5
    return Effect.forEach([...streams], ({ over }) => Deferred.await(over), { concurrency: "unbounded", discard: true })
  })

  const publishMany: AdmittedHandler = (call, identity) => {
    let working: Fiber.Fiber<unknown, unknown> | undefined
    let left = false
    const messages = new Messages(call, clock, () => {
      left = true
      working?.interruptUnsafe() // PM6
    })
    run(traced(method, call, placeOf(identity), true)).addObserver((exit) => {
      if (Exit.isFailure(exit)) return call.end(richStatusOfExit(exit))
      const way = {
        write: (results: Array<PublishResult>) =>
          call.send(Buffer.from(PublishManyResponse.encode({ results }).finish())),
        drained: (then: () => void) => call.whenClear(then)
      }
      const answers = new Answers(way, () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n))
      const open: Open = { identity, messages, answers, whole: new Whole(), over: Deferred.makeUnsafe() }
      const claims = new Claims(budget, identity.name)
      streams.add(open)
      if (leaving !== undefined) messages.stop(leaving) // PM5
      const serving = run(childOf(call.metadata, serve(call, open, claims)))
      working = serving
      serving.addObserver((ended) => {
        exit.value()
        claims.end()
        streams.delete(open)
        Deferred.doneUnsafe(open.over, Effect.void)
        if (Exit.isFailure(ended)) call.end(richStatusOfExit(ended))
        else call.end(ended.value === undefined ? OK : richStatusOf(ended.value))
      })
      if (left) serving.interruptUnsafe()
    })
  }

  return { publishMany, drain }
})
