/** herald.topics.v1.SubscriptionManager: translates, decides nothing. */
import { Clock, Effect } from "effect"
import { SubscriptionManagerService } from "../../../../proto/generated/herald/topics/v1/managers.ts"
import { Access } from "../../../access/Access.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { cursorOf, cursorText } from "../../../subscriptions/ListCursor.ts"
import type { Subscription } from "../../../subscriptions/Subscription.ts"
import { MOST_SUBSCRIPTIONS, Subscriptions } from "../../../subscriptions/Subscriptions.ts"
import type { Service } from "../Service.ts"
import { makeAnswering } from "../topics/Answering.ts"
import * as Decode from "./Decode.ts"
import * as Wire from "./Wire.ts"

const definition = SubscriptionManagerService
/** Subscriptions of a page, unless a request says how many. */
const PAGE = 100
/** Requests that calls count as, as over HTTP. */
const [WRITE, LIST, STATS] = [4, 4, 10]

const right = <A>(found: A | HeraldError): Effect.Effect<A, HeraldError> =>
  found instanceof HeraldError ? Effect.fail(found) : Effect.succeed(found)

const told = (found: Subscription) => Effect.map(Clock.currentTimeMillis, (now) => Wire.subscriptionOf(found, now))

const make = Effect.gen(function* () {
  const access = yield* Access
  const subscriptions = yield* Subscriptions
  const answering = yield* makeAnswering(access)

  const handlers = {
    createSubscription: answering({
      definition: definition.createSubscription,
      decode: Decode.createSubscriptionRequest,
      cost: WRITE,
      handle: Effect.fnUntraced(function* (request) {
        const draft = yield* right(Wire.draftOf(request))
        const { message, idempotencyKey } = request
        const options = { message, idempotencyKey: idempotencyKey === "" ? undefined : idempotencyKey }
        return yield* told(yield* subscriptions.create(draft, options))
      })
    }),
    updateSubscription: answering({
      definition: definition.updateSubscription,
      decode: Decode.updateSubscriptionRequest,
      cost: WRITE,
      handle: (request) => {
        const { message, expectedVersion } = request
        const expected = expectedVersion === undefined ? undefined : Number(expectedVersion)
        const its = Wire.changeOf(request)
        return Effect.flatMap(subscriptions.update(Wire.namedBy(request), its, { message }, expected), told)
      }
    }),
    listRetrying: answering({
      definition: definition.listRetrying,
      decode: Decode.listRetryingRequest,
      cost: LIST,
      handle: (request) =>
        Effect.map(
          subscriptions.retrying(Wire.namedBy(request), request.limit === 0 ? PAGE : request.limit),
          Wire.retryingOf
        )
    }),
    deleteSubscription: answering({
      definition: definition.deleteSubscription,
      decode: Decode.deleteSubscriptionRequest,
      cost: WRITE,
      handle: (request) => Effect.as(subscriptions.remove(Wire.namedBy(request), { message: request.message }), {})
    }),
    getSubscription: answering({
      definition: definition.getSubscription,
      decode: Decode.getSubscriptionRequest,
      cost: 1,
      handle: (request) => Effect.flatMap(subscriptions.get(Wire.namedBy(request)), told)
    }),
    getSubscriptionStats: answering({
      definition: definition.getSubscriptionStats,
      decode: Decode.getSubscriptionRequest,
      cost: STATS,
      handle: Effect.fnUntraced(function* (request) {
        const found = yield* subscriptions.stats(Wire.namedBy(request))
        return Wire.statsOf(found, yield* Clock.currentTimeMillis)
      })
    }),
    listSubscriptions: answering({
      definition: definition.listSubscriptions,
      decode: Decode.listSubscriptionsRequest,
      cost: LIST,
      handle: Effect.fnUntraced(function* ({ topic, limit, cursor }) {
        const after = cursorOf(cursor)
        if (typeof after === "string") return yield* failure("InvalidInput", `cursor: ${after}`)
        const most = limit === 0 ? PAGE : Math.min(limit, MOST_SUBSCRIPTIONS)
        const page = yield* subscriptions.list(topic, { limit: most, after })
        const now = yield* Clock.currentTimeMillis
        return {
          subscriptions: page.subscriptions.map((one) => Wire.subscriptionOf(one, now)),
          cursor: page.next === undefined ? "" : cursorText(page.next)
        }
      })
    }),
    seek: answering({
      definition: definition.seek,
      decode: Decode.seekRequest,
      cost: WRITE,
      handle: Effect.fnUntraced(function* (request) {
        const to = yield* right(Wire.wantedOf(request.to, "to"))
        if (to === undefined) return yield* failure("InvalidInput", "to: it is missing")
        return yield* told(yield* subscriptions.seek(Wire.namedBy(request), to, { message: request.message }))
      })
    }),
    pause: answering({
      definition: definition.pause,
      decode: Decode.pauseRequest,
      cost: WRITE,
      handle: (request) => {
        const { forMs, message } = request
        const millis = forMs === 0n ? null : Number(forMs)
        return Effect.flatMap(subscriptions.pause(Wire.namedBy(request), millis, { message }), told)
      }
    }),
    stopSubscription: answering({
      definition: definition.stopSubscription,
      decode: Decode.stopSubscriptionRequest,
      cost: WRITE,
      handle: (request) => Effect.flatMap(subscriptions.stop(Wire.namedBy(request), { message: request.message }), told)
    }),
    resume: answering({
      definition: definition.resume,
      decode: Decode.resumeRequest,
      cost: WRITE,
      handle: (request) =>
        Effect.flatMap(subscriptions.resume(Wire.namedBy(request), { message: request.message }), told)
    })
  }
  return { handlers, drain: Effect.void }
})

export const subscriptionManager = {
  definition,
  descriptors: "herald",
  permission: "topics.read",
  serve: () => make
} as const satisfies Service
