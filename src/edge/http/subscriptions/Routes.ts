/** Answers the routes of subscriptions and of their dead letters. */
import { Clock, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requireTopic } from "../../../access/RequireTopic.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { DeadLetters } from "../../../subscriptions/DeadLetters.ts"
import { cursorOf, cursorText } from "../../../subscriptions/ListCursor.ts"
import type { Subscription } from "../../../subscriptions/Subscription.ts"
import { type Named, Subscriptions } from "../../../subscriptions/Subscriptions.ts"
import { permitted } from "../../../topics/Topics.ts"
import { json, jsonText } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { SubscriptionsGroup } from "./Api.ts"
import { retrying } from "./Retrying.ts"
import * as Wire from "./Wire.ts"

const PAGE = 100

interface Keys {
  readonly "idempotency-key"?: string
}

const options = (message: string | undefined, headers: Keys) => ({
  message: message ?? "",
  idempotencyKey: headers["idempotency-key"]
})

const namedBy = ({ topic, subscription }: { readonly topic: string; readonly subscription: string }): Named => ({
  topicName: topic,
  subscriptionName: subscription
})

const right = <A>(found: A | HeraldError): Effect.Effect<A, HeraldError> =>
  found instanceof HeraldError ? Effect.fail(found) : Effect.succeed(found)

const told = (found: Subscription, status = 200) =>
  Effect.map(Clock.currentTimeMillis, (now) => json(Wire.subscription(found, now), { status }))

const routes = HttpApiBuilder.group(
  contract.add(SubscriptionsGroup),
  "subscriptions",
  Effect.fnUntraced(function* (handlers) {
    const subscriptions = yield* Subscriptions
    const deadLetters = yield* DeadLetters
    const bodyReader = yield* makeBodyReader
    const readSubscription = bodyReader(Wire.SubscriptionBody, bodyLimits.small)
    const readChange = bodyReader(Wire.SubscriptionChangeBody, bodyLimits.small)
    const readSeek = bodyReader(Wire.SeekBody, bodyLimits.small)
    const readPause = bodyReader(Wire.PauseBody, bodyLimits.small, "nothing", {})
    const readStop = bodyReader(Wire.StopBody, bodyLimits.small, "nothing", {})
    const readResume = bodyReader(Wire.ResumeBody, bodyLimits.small, "nothing", {})
    const readLetters = bodyReader(Wire.LettersBody, bodyLimits.small)

    return handlers
      .handleRaw("create", ({ request, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requireTopic("topics.consume", undefined) // B5
            const body = yield* readSubscription(request)
            const draft = yield* right(Wire.draftOf(body))
            return yield* told(yield* subscriptions.create(draft, options(body.message, headers)), 201)
          })
        )
      )
      .handle("list", ({ query: { topic = "", after = "", limit = PAGE } }) =>
        answer(
          Effect.gen(function* () {
            const behind = cursorOf(after)
            if (typeof behind === "string") return yield* failure("InvalidInput", `after: ${behind}`)
            const page = yield* subscriptions.list(topic, { limit, after: behind })
            const now = yield* Clock.currentTimeMillis
            return json({
              subscriptions: page.subscriptions.map((one) => Wire.subscription(one, now)),
              next: page.next === undefined ? null : cursorText(page.next)
            } satisfies Wire.SubscriptionList)
          })
        )
      )
      .handle("get", ({ params }) => answer(Effect.flatMap(subscriptions.get(namedBy(params)), (found) => told(found))))
      .handle("delete", ({ params, query: { message }, headers }) =>
        answer(
          Effect.as(
            subscriptions.remove(namedBy(params), options(message, headers)),
            HttpServerResponse.empty({ status: 204 })
          )
        )
      )
      .handle("stats", ({ params }) =>
        answer(
          Effect.gen(function* () {
            const found = yield* subscriptions.stats(namedBy(params))
            return json(Wire.stats(found, yield* Clock.currentTimeMillis))
          })
        )
      )
      .handleRaw("update", ({ request, params, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.consume", params.topic) // B5
            const { message, expectedVersion, ...change } = yield* readChange(request)
            const its = options(message, headers)
            return yield* told(yield* subscriptions.update(namedBy(params), change, its, expectedVersion))
          })
        )
      )
      .handle("retrying", ({ params, query: { limit = PAGE } }) =>
        answer(
          Effect.map(subscriptions.retrying(namedBy(params), limit), (found) => json(retrying(found, params.topic)))
        )
      )
      .handleRaw("seek", ({ request, params, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.consume", params.topic) // B5
            const { to, message } = yield* readSeek(request)
            const wanted = yield* right(Wire.wanted(to, params.topic))
            return yield* told(yield* subscriptions.seek(namedBy(params), wanted, options(message, headers)))
          })
        )
      )
      .handleRaw("pause", ({ request, params, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.consume", params.topic) // B5
            const { forMillis = null, message } = yield* readPause(request)
            return yield* told(yield* subscriptions.pause(namedBy(params), forMillis, options(message, headers)))
          })
        )
      )
      .handleRaw("stop", ({ request, params, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.consume", params.topic) // B5
            const { message } = yield* readStop(request)
            return yield* told(yield* subscriptions.stop(namedBy(params), options(message, headers)))
          })
        )
      )
      .handleRaw("resume", ({ request, params, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.consume", params.topic) // B5
            const { message } = yield* readResume(request)
            return yield* told(yield* subscriptions.resume(namedBy(params), options(message, headers)))
          })
        )
      )
      .handle("letters", ({ params, query: { limit = PAGE, after = 0 } }) =>
        answer(
          Effect.map(deadLetters.list(namedBy(params), { limit, after }), ({ letters, next }) => {
            const shown = letters.map((letter) => Wire.letterText(letter, params.topic))
            return jsonText(`{"deadLetters":[${shown.join(",")}],"next":${next ?? null}}`)
          })
        )
      )
      .handle("letter", ({ params }) =>
        answer(
          Effect.map(deadLetters.get(namedBy(params), params.id), (letter) =>
            jsonText(Wire.letterText(letter, params.topic))
          )
        )
      )
      .handleRaw("replay", ({ request, params }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.consume", params.topic) // B5
            const which = yield* right(Wire.whichOf(yield* readLetters(request)))
            return json(Wire.replayed(yield* deadLetters.replay(namedBy(params), which)))
          })
        )
      )
      .handleRaw("drop", ({ request, params }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.consume", params.topic) // B5
            const which = yield* right(Wire.whichOf(yield* readLetters(request)))
            return json((yield* deadLetters.drop(namedBy(params), which)) satisfies Wire.DroppedLetters)
          })
        )
      )
  })
)

export const subscriptions = { groups: [SubscriptionsGroup], routes } as const satisfies Part
