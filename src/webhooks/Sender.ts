/**
 * Sends what is queued for one receiver. Each node runs one for each receiver, independent of the others.
 *
 *   WS1  A receiver that is dead or slow costs others nothing: it has its own claims, back-off and at most `AT_ONCE` connections.
 *   WS2  A webhook is posted again under the same id, at most once more for each claim that was lost (a node that died or froze between
 *        the receiver's answer and its record); a node that thaws after its lease starts no post.
 *   WS3  What is given up is among the dead letters before it counts as settled.
 *   WS4  That a receiver can't be reached is logged once when it begins and once when it is over.
 */
import { Clock, Effect, Fiber, Metric, Option, Queue, Random } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import { DeadLetters } from "../consumers/DeadLetters.ts"
import { deadLetters } from "../consumers/Group.ts"
import { backoff } from "../net/Backoff.ts"
import { notice } from "../telemetry/Degraded.ts"
import { always } from "../telemetry/Every.ts"
import { counter } from "../telemetry/Metrics.ts"
import { bodyOf, headersOf, type SigningKey, unpack, verdictOf, webhookId } from "./Webhook.ts"
import { WebhookPost } from "./WebhookPost.ts"
import { type Claimed, WebhookQueue } from "./WebhookQueue.ts"

export interface Receiver {
  /** Digest of the URL, by which the queue knows the receiver. */
  readonly target: string
  readonly url: string
  /** For logs and metrics: the URL without its path, which may be a secret. */
  readonly host: string
}

const AT_ONCE = 8
const IDLE = "1 second"
/** After a failure. */
const AGAIN = { first: 500, longest: 60_000, spread: 0 }
/** Milliseconds that a claim lasts beyond the post's own time limit. */
const SPARE = 20_000
const FAREWELL = "3 seconds"
const GROUP = "notification"

/** When interrupted, waits up to `FAREWELL` for what is under way: a post that was answered should be recorded. */
const finishing = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(restore(work)), (fiber) => {
      const giveUp = Effect.andThen(
        Effect.sleep(FAREWELL),
        Effect.sync(() => fiber.interruptUnsafe())
      )
      const farewell = Effect.flatMap(Effect.forkDetach(restore(giveUp)), (timer) =>
        Effect.ensuring(
          Fiber.await(fiber),
          Effect.sync(() => timer.interruptUnsafe())
        )
      )
      return Effect.onInterrupt(restore(Fiber.join(fiber)), () => farewell)
    })
  )

const GIVEN_UP = ["receiver_refused", "address_refused", "retries_used_up"]
const OUTCOMES = ["delivered", "again", ...GIVEN_UP]

export const makeSender = Effect.fnUntraced(function* (
  { target, url, host }: Receiver,
  keys: ReadonlyArray<SigningKey>
) {
  const queue = yield* WebhookQueue
  const poster = yield* WebhookPost
  const dead = yield* DeadLetters
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  const lease = poster.timeout + SPARE
  const taken = yield* notice("webhooks", {
    source: target,
    began: "a receiver does not take webhooks",
    ended: "a receiver takes webhooks again",
    fields: { receiver: host }
  })
  let failures = 0

  const counted = (outcome: string) => Metric.update(Metric.withAttributes(webhooks, { outcome, receiver: host }), 1)

  for (const outcome of OUTCOMES) yield* Metric.update(Metric.withAttributes(webhooks, { outcome, receiver: host }), 0) // MT1
  for (const reason of GIVEN_UP) yield* Metric.update(Metric.withAttributes(deadLetters, { group: GROUP, reason }), 0)

  /** https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span; the path is left out. */
  const post = Effect.fnUntraced(function* (id: string, body: string, traceparent: string) {
    const parent = Option.getOrUndefined(HttpTraceContext.fromHeaders(Headers.fromInput({ traceparent })))
    const signed = yield* Effect.promise(() => headersOf(keys, webhookId(id), clock.currentTimeMillisUnsafe(), body))
    const headers = { "content-type": "application/json", "user-agent": "Herald", ...signed }
    return yield* poster.post({ url, headers, body }).pipe(
      Effect.tap((answer) =>
        answer.kind === "answered"
          ? Effect.annotateCurrentSpan("http.response.status_code", answer.status)
          : Effect.void
      ),
      Effect.withSpan("POST", {
        kind: "client",
        ...(parent === undefined ? {} : { parent }),
        attributes: { "http.request.method": "POST", "server.address": host, "herald.event": id }
      })
    )
  })

  /** WS3 */
  const bury = Effect.fnUntraced(function* ({ id, attempts, record, problem }: Claimed) {
    const [reason = "", ...why] = problem.split(": ")
    yield* dead.put([{ received: unpack(record), group: GROUP, reason, why: why.join(": "), target }])
    yield* queue.settle(target, { id, attempts }, { state: "dead" })
    yield* Metric.update(Metric.withAttributes(deadLetters, { group: GROUP, reason }), 1)
    yield* Effect.logWarning("a webhook is among the dead letters", { receiver: host, event: id, problem })
  })

  /** True when the receiver answered for good, why when it has to be tried again, undefined when nothing was posted. */
  const deliver = Effect.fnUntraced(function* (claimed: Claimed, until: bigint) {
    if (claimed.failed) {
      yield* bury(claimed)
      return undefined
    }
    if (clock.monotonicTimeNanosUnsafe() >= until) return undefined // WS2
    const { id, attempts, ageMillis } = claimed
    const { headers, body } = unpack(claimed.record)
    const answer = yield* post(id, bodyOf(id, new TextDecoder().decode(body!)), headers["traceparent"] ?? "")
    const verdict = verdictOf(answer, attempts, ageMillis, yield* Random.next)
    if (verdict.state === "delivered") yield* queue.settle(target, claimed, verdict)
    else if (verdict.state === "failed")
      yield* queue.settle(target, claimed, { state: "failed", problem: `${verdict.reason}: ${verdict.why}` })
    else yield* queue.settle(target, claimed, { ...verdict, problem: verdict.why })
    yield* counted(verdict.state === "failed" ? verdict.reason : verdict.state === "waiting" ? "again" : "delivered")
    return verdict.state === "waiting" ? verdict.why : true
  })

  const fell = (why: string) =>
    Effect.suspend(() => {
      failures++
      return Effect.andThen(
        taken.fails(why),
        Effect.logDebug("a receiver still does not take webhooks", { receiver: host, why })
      )
    })
  const rose = Effect.suspend(() => {
    failures = 0
    return taken.works
  })

  const round = Effect.gen(function* () {
    const until = clock.monotonicTimeNanosUnsafe() + BigInt(SPARE / 2) * 1_000_000n
    const claims = yield* queue.claim(target, failures === 0 ? AT_ONCE : 1, lease)
    if (claims.length === 0) return yield* Effect.asVoid(Effect.timeoutOption(Queue.take(wake), IDLE))
    const said = yield* finishing(
      Effect.forEach(claims, (claimed) => deliver(claimed, until), { concurrency: "unbounded" })
    )
    if (said.includes(true)) return yield* rose
    const why = said.find((one) => typeof one === "string")
    if (why === undefined) return
    yield* fell(why)
    // WS1: a receiver that fails gets one webhook at a time, and not often.
    yield* Effect.sleep(backoff(AGAIN, failures - 1, 0))
  })

  const told = Effect.catch(round, (error) => {
    const said = { receiver: host, code: error.code, reason: error.message }
    return Effect.andThen(Effect.logDebug("webhooks wait", said), Effect.sleep("2 seconds"))
  })
  const run = always("sending webhooks met a defect", told)

  return { run, wake: () => void Queue.offerUnsafe(wake, undefined) }
})

const webhooks = counter("herald_webhooks_total", "attempts to send a webhook", [])
