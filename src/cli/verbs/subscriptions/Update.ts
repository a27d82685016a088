/** `herald subscription update`: changes what may be changed of a subscription while it is there. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Subscription } from "../../../edge/http/subscriptions/Wire.ts"
import { usage } from "../../CliFailure.ts"
import { idempotencyKey, invocation, message, optionalInt, optionalText } from "../../Globals.ts"
import { factsOf, given, nameOf, pathOf, spanned, subscription, topic, wayOutOf } from "./Told.ts"

export const update = Command.make(
  "update",
  {
    topic,
    subscription,
    maxAttempts: optionalInt("max-attempts", "How often an event is tried", "n"),
    deadLetterTopic: optionalText(
      "dead-letter-topic",
      "Where what fails too often or is rejected goes; it can be another one, and not none",
      "topic"
    ),
    ackTimeout: optionalText(
      "ack-timeout",
      "How long a delivery may take; a shorter one counts once its consumers have connected anew",
      "span"
    ),
    backoff: optionalText("backoff", "Until the next attempt, the last one repeats, such as 1s,30s", "spans"),
    maxInFlight: optionalInt("max-in-flight", "Events without an answer", "n"),
    group: optionalText("group", "Names who consumes, for operators", "name"),
    expectedVersion: optionalInt("expected-version", "Fail unless this is its current version", "n"),
    message,
    idempotencyKey
  },
  Effect.fn("Subscription.update")(function* ({ topic, subscription, group, ackTimeout, backoff, ...rest }) {
    const here = yield* invocation
    const { idempotencyKey, message, expectedVersion, ...fields } = rest
    const ackTimeoutMillis = ackTimeout === undefined ? undefined : yield* spanned("ack-timeout", ackTimeout)
    const backoffMillis =
      backoff === undefined ? undefined : yield* Effect.forEach(backoff.split(","), (one) => spanned("backoff", one))
    const change = given({ ...fields, consumerGroup: group, ackTimeoutMillis, backoffMillis })
    if (Object.keys(change).length === 0)
      return yield* usage(
        "nothing is to be changed",
        "Say what: --max-attempts, --dead-letter-topic, --ack-timeout, --backoff, --max-in-flight or --group."
      )
    const body = { ...change, ...given({ message, expectedVersion }) }
    const answer = yield* here.call({ method: "PATCH", path: pathOf(topic, subscription), body, idempotencyKey })
    const now = answer.body as Subscription
    yield* here.emit(
      now,
      (paint) => `${paint.green("updated")} ${nameOf(now, paint)}\n${factsOf(now, paint)}${wayOutOf(now, paint)}`
    )
  })
).pipe(
  Command.withDescription(
    "Change a subscription; what is not named stays, and so do its type, its filter and its position"
  ),
  Command.withShortDescription("Change a subscription"),
  Command.withExamples([
    {
      command: "herald subscription update orders billing --dead-letter-topic orders/dead",
      description: "What can't be done goes there; then resume it"
    },
    {
      command: "herald subscription update orders billing --max-attempts 5 --backoff 1s,1m",
      description: "Give up earlier"
    }
  ])
)
