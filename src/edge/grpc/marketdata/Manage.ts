/** Answers `ManageSubscription`: a subscription of a topic, whose filter is made of criteria. Translates, decides nothing. */
import { Effect } from "effect"
import {
  type ManageSubscriptionRequest,
  MarketDataStreamService,
  SubscriptionAction
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { Access } from "../../../access/Access.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { filterOf } from "../../../marketdata/Criteria.ts"
import { types } from "../../../subscriptions/Subscription.ts"
import { type SubscriptionStats, Subscriptions } from "../../../subscriptions/Subscriptions.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { makeAnswering } from "../topics/Answering.ts"
import { criteriaOf, manageRequest } from "./Wire.ts"

/** Requests that a call counts as: it changes something, and reads how far the subscription is. */
const COST = 10

const invalid = (message: string) => failure("InvalidInput", message)

const draftOf = Effect.fnUntraced(function* (request: ManageSubscriptionRequest) {
  const criteria = criteriaOf(request)
  if (criteria instanceof HeraldError) return yield* criteria
  const made = filterOf(criteria)
  if ("wrong" in made) return yield* invalid(made.wrong)
  const type = request.type === "" ? "key_shared" : types.find((one) => one === request.type)
  if (type === undefined) return yield* invalid(`type: ${excerpt(request.type)} is none of ${types.join(", ")}`)
  return { topicName: request.topic, subscriptionName: request.subscriptionName, type, filter: made.filter }
})

const told = ({ subscription, partitions }: SubscriptionStats) => ({
  ...{ topic: subscription.topicName, subscriptionName: subscription.subscriptionName, status: subscription.status },
  ...{ type: subscription.type, filter: subscription.filter },
  backlog: BigInt(partitions.reduce((sum, { backlog }) => sum + backlog, 0))
})

export const makeManage = Effect.gen(function* () {
  const subscriptions = yield* Subscriptions
  const answering = yield* makeAnswering(yield* Access)

  return answering({
    definition: MarketDataStreamService.manageSubscription,
    decode: manageRequest,
    cost: COST,
    handle: Effect.fnUntraced(function* (request) {
      const { action, topic: topicName, subscriptionName } = request
      const named = { topicName, subscriptionName }
      const options = { message: "" }
      switch (action) {
        case SubscriptionAction.SUBSCRIPTION_ACTION_CREATE:
          yield* subscriptions.create(yield* draftOf(request), options)
          break
        case SubscriptionAction.SUBSCRIPTION_ACTION_GET:
          break
        case SubscriptionAction.SUBSCRIPTION_ACTION_PAUSE:
          yield* subscriptions.pause(named, null, options)
          break
        case SubscriptionAction.SUBSCRIPTION_ACTION_RESUME:
          yield* subscriptions.resume(named, options)
          break
        case SubscriptionAction.SUBSCRIPTION_ACTION_DELETE: {
          const last = told(yield* subscriptions.stats(named))
          yield* subscriptions.remove(named, options)
          return { ...last, status: "deleted" }
        }
        default:
          return yield* invalid("action: one of create, get, pause, resume and delete")
      }
      return told(yield* subscriptions.stats(named))
    })
  })
})
