/**
 * Serves one call of `PublishStream`.
 *
 *   TQ1  Each batch is answered once, in the order in which they came; one that fails ends nothing. Those of one stream are appended in their order, several
 *        at a time.
 *   TQ2  At most `WINDOW` batches and `CREDIT` bytes of them are not answered yet: until there is room no more is read. So a client that takes no answers is read
 *        no further. Who finds the node's room for events taken, or is over its rate, is read as fast as there is some.
 *   TQ3  A stream on which nothing came for `IDLE`, or whose client takes no answer for `STUCK`, ends. So does one whose API key is good no more, or whose server
 *        leaves: what has begun is answered first, and what has no answer then may be there or not.
 */
import { Clock, Deferred, Effect, Exit, type Fiber, FiberSet } from "effect"
import { PublishStreamResponse, TopicServiceService } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { makePacing } from "../../../access/Pacing.ts"
import { Places } from "../../../access/Places.ts"
import { refusalAnywhere } from "../../../access/Refusal.ts"
import { makeWatching } from "../../../access/Watching.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { afterEvery } from "../../../telemetry/Every.ts"
import { Publishing, type Turn, type Wish } from "../../../topics/Publishing.ts"
import { Messages } from "../publishing/Messages.ts"
import { costOfReading, untilOf } from "../publishing/Publish.ts"
import { richStatusOf, richStatusOfExit } from "../RichStatus.ts"
import type { ServerCall } from "../ServerCall.ts"
import type { AdmittedHandler } from "../Service.ts"
import { childOf, traced } from "../Spans.ts"
import { errorIn, OK } from "../Status.ts"
import { publishStreamRequest } from "./Decode.ts"
import { Ordered } from "./Ordered.ts"
import { PUBLISH_COST } from "./Publish.ts"
import { problemOf, publishedOf, wishOf } from "./Wire.ts"

/** Open streams, in all and of one principal. */
const STREAMS: readonly [inAll: number, ofPrincipal: number] = [256, 128]
/** TQ2 */
export const WINDOW = 256
export const CREDIT = 8_388_608
const CREDITED = BigInt(CREDIT)
/** Milliseconds. TQ3 */
const IDLE = 600_000
const STUCK = 60_000
/** How long a call that has to end waits for answers. TQ3 */
const LAST_ANSWERS = "3 seconds"

const METHOD = TopicServiceService.publishStream.path.slice(1)

interface Open {
  readonly identity: Identity
  readonly messages: Messages
  readonly answers: Ordered
  readonly over: Deferred.Deferred<void>
}

const silent = failure(
  "Timeout",
  `nothing came for ${IDLE / 60_000} minutes; open another stream when there is something`
)
const stuck = failure("Timeout", `its answers were not taken for ${STUCK / 1_000} s`)
const unanswered = ({ message }: HeraldError) =>
  failure("OutcomeUnknown", `${message}, and what has no answer may be in its topic by now, or may not`)

export const makePublishStream = Effect.gen(function* () {
  const paced = yield* makePacing
  const watching = yield* makeWatching
  const publishing = yield* Publishing
  const clock = yield* Clock.Clock
  const monotonic = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const places = new Places(STREAMS)
  const streams = new Set<Open>()
  let leaving: HeraldError | undefined

  /** As long as the node has no room for its bytes, it waits; its turn comes only once it has. TQ2 */
  const published = (wish: Wish, messages: Messages): ReturnType<typeof publishing.publish> =>
    Effect.catchIf(
      publishing.publish(wish),
      (error) => error.name === "PublishingBusy" && messages.stopped === undefined,
      ({ details }) =>
        Effect.andThen(Effect.sleep(Number(details?.["retryAfterMillis"] ?? 1)), published(wish, messages))
    )

  const serve = Effect.fnUntraced(function* (call: ServerCall, { identity, messages, answers }: Open) {
    const until = untilOf(clock, call)
    const working = yield* FiberSet.make<void>()
    let before: Effect.Effect<void> = Effect.void
    messages.whenStopped = () => answers.stop()

    while (true) {
      yield* answers.room
      if (messages.stopped !== undefined) break
      const heard = yield* messages.next
      if (heard === "end") break
      if (heard instanceof HeraldError) break
      yield* paced(identity, PUBLISH_COST + costOfReading(heard.length), () => messages.stopped !== undefined) // TQ2
      const request = publishStreamRequest(heard)
      if (request instanceof HeraldError) {
        messages.stop(request)
        break
      }
      const { id, batch } = request
      const slot = answers.take(heard.length)
      const [roomed, begun] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const turn: Turn = {
        mine: before,
        roomed: () => void Deferred.doneUnsafe(roomed, Effect.void),
        begun: () => void Deferred.doneUnsafe(begun, Effect.void)
      }
      before = Deferred.await(begun)
      const one = Effect.flatMap(Effect.exit(published({ ...wishOf(batch, until), turn }, messages)), (exit) =>
        Effect.sync(() => {
          turn.roomed() // also of one that failed before
          turn.begun()
          const outcome = Exit.isSuccess(exit)
            ? ({ $case: "published", value: publishedOf(exit.value) } as const)
            : ({ $case: "problem", value: problemOf(errorIn(exit)) } as const)
          answers.give(slot, { id, outcome, creditBytes: CREDITED })
        })
      )
      yield* FiberSet.run(working, Effect.provideService(one, CurrentIdentity, identity), { startImmediately: true })
      yield* Deferred.await(roomed)
    }
    const reason = messages.stopped
    if (reason === undefined) return yield* Effect.as(answers.all, undefined)
    const all = yield* Effect.timeoutOption(answers.all, LAST_ANSWERS)
    return all._tag === "Some" ? reason : unanswered(reason)
  }, Effect.scoped)

  /** TQ3 */
  const endSilent = Effect.sync(() => {
    for (const { messages, answers } of streams)
      if (messages.silentFor > IDLE) messages.stop(silent)
      else if (answers.stuckFor > STUCK) messages.stop(stuck)
  })
  /** A3 */
  const endRevoked = watching(streams, ({ messages }, error) => messages.stop(error))
  yield* Effect.forkScoped(
    afterEvery("streams of publishers were not looked at", "1 second", Effect.andThen(endSilent, endRevoked))
  )

  const drain = Effect.suspend(() => {
    leaving = failure("Draining", "the server is leaving; send what was not answered to another")
    for (const { messages } of streams) messages.stop(leaving)
    return Effect.forEach([...streams], ({ over }) => Deferred.await(over), { concurrency: "unbounded", discard: true })
  })

  const placeOf = (identity: Identity): Effect.Effect<() => void, HeraldError> => {
    const refused = refusalAnywhere(identity, "topics.publish", clock.currentTimeMillisUnsafe())
    if (refused !== undefined) return Effect.fail(refused)
    const place = places.take("", identity.name)
    return typeof place === "number"
      ? Effect.fail(failure("ServerFull", "too many streams that publish are open; use those, or try again"))
      : Effect.succeed(place)
  }

  const publishStream: AdmittedHandler = (call, identity) => {
    let working: Fiber.Fiber<unknown, unknown> | undefined
    let left = false
    const messages = new Messages(call, clock, () => {
      left = true
      working?.interruptUnsafe()
    })
    run(traced(METHOD, call, placeOf(identity), true)).addObserver((exit) => {
      if (Exit.isFailure(exit)) return call.end(richStatusOfExit(exit))
      const way = {
        write: (response: PublishStreamResponse) =>
          call.send(Buffer.from(PublishStreamResponse.encode(response).finish())),
        drained: (then: () => void) => call.whenClear(then)
      }
      const answers = new Ordered(way, { window: WINDOW, bytes: CREDIT }, monotonic)
      const open: Open = { identity, messages, answers, over: Deferred.makeUnsafe() }
      streams.add(open)
      if (leaving !== undefined) messages.stop(leaving)
      const serving = run(childOf(call.metadata, serve(call, open)))
      working = serving
      serving.addObserver((ended) => {
        exit.value()
        streams.delete(open)
        Deferred.doneUnsafe(open.over, Effect.void)
        if (Exit.isFailure(ended)) call.end(richStatusOfExit(ended))
        else call.end(ended.value === undefined ? OK : richStatusOf(ended.value))
      })
      if (left) serving.interruptUnsafe()
    })
  }

  return { handlers: { publishStream }, drain }
})
