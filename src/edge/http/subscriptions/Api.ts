/** The group `subscriptions`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { Id, IdempotencyKey, Limit, Message, problems, TopicName } from "../Wire.ts"
import { RetryingList } from "./Retrying.ts"
import * as Wire from "./Wire.ts"

const { get, patch, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }
const one = "/v1/subscriptions/:topic/:subscription"
const letters = `${one}/dead-letters`

export class SubscriptionsGroup extends HttpApiGroup.make("subscriptions")
  .add(
    post("create", "/v1/subscriptions", {
      headers,
      payload: Wire.SubscriptionBody,
      success: Wire.Subscription.pipe(HttpApiSchema.status(201)),
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(
        about(
          "Create a subscription",
          "Where it starts is fixed now, so it misses nothing from here on, whether anybody consumes or not."
        )
      ),
    get("list", "/v1/subscriptions", {
      query: {
        topic: Schema.optionalKey(TopicName),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(Wire.CURSOR_LENGTH))
      },
      success: Wire.SubscriptionList,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 4))
      .annotateMerge(about("List subscriptions", "Of one topic, or of all that you may read.")),
    get("get", one, { params: Wire.Target, success: Wire.Subscription, error })
      .annotate(Needs, need("topics.read", "somewhere"))
      .annotateMerge(about("Read what a subscription is")),
    patch("update", one, {
      params: Wire.Target,
      headers,
      payload: Wire.SubscriptionChangeBody,
      success: Wire.Subscription,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(
        about(
          "Change a subscription",
          "What is left out stays. Its type, its filter and where it began are never changed; a pause or an error is ended by resuming it."
        )
      ),
    get("retrying", `${one}/retrying`, {
      params: Wire.Target,
      query: { limit: Schema.optionalKey(Limit) },
      success: RetryingList,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 4))
      .annotateMerge(
        about("List events that are tried again", "They failed: how often, what was said last, and when they are due.")
      ),
    HttpApiEndpoint.delete("delete", one, {
      params: Wire.Target,
      query: { message: Schema.optionalKey(Message) },
      headers,
      success: HttpApiSchema.NoContent,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(about("Delete a subscription", "With its position and its dead letters.")),
    get("stats", `${one}/stats`, { params: Wire.Target, success: Wire.SubscriptionStats, error })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(about("How far a subscription is", "By partition, as it was written last.")),
    post("seek", `${one}/seek`, {
      params: Wire.Target,
      headers,
      payload: Wire.SeekBody,
      success: Wire.Subscription,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(
        about(
          "Set a subscription's position anew",
          "What was delivered before and not answered is refused when it is. With a message id, the other partitions stay where they are."
        )
      ),
    post("pause", `${one}/pause`, {
      params: Wire.Target,
      headers,
      payload: Wire.PauseBody,
      success: Wire.Subscription,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(about("Pause a subscription", "Nothing goes out until it is resumed, or for as long as is said.")),
    post("stop", `${one}/stop`, {
      params: Wire.Target,
      headers,
      payload: Wire.StopBody,
      success: Wire.Subscription,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(
        about(
          "Stop a subscription",
          "Its consumers are sent away, and none is let in until it is resumed. Its position, retries and dead letters stay."
        )
      ),
    post("resume", `${one}/resume`, {
      params: Wire.Target,
      headers,
      payload: Wire.ResumeBody,
      success: Wire.Subscription,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(
        about("Resume a subscription", "Out of a pause or a stop, or of an error once its cause is gone.")
      ),
    get("letters", letters, {
      params: Wire.Target,
      query: { limit: Schema.optionalKey(Limit), after: Schema.optionalKey(Id) },
      success: Wire.DeadLetterList,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(about("List dead letters", "Events that came to nothing, in the order in which they did.")),
    get("letter", `${letters}/:id`, {
      params: { ...Wire.Target, id: Wire.LetterId },
      success: Wire.DeadLetter,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 4))
      .annotateMerge(about("Read a dead letter")),
    post("replay", `${letters}/replay`, {
      params: Wire.Target,
      payload: Wire.LettersBody,
      success: Wire.ReplayedLetters,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 20))
      .annotateMerge(
        about(
          "Replay dead letters",
          "Publishes them again as they were, with their keys, and removes those that are durable in the topic: at least once."
        )
      ),
    post("drop", `${letters}/drop`, {
      params: Wire.Target,
      payload: Wire.LettersBody,
      success: Wire.DroppedLetters,
      error
    })
      .annotate(Needs, need("topics.consume", "somewhere", 4))
      .annotateMerge(about("Drop dead letters", "For good."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Subscriptions" })) {}
