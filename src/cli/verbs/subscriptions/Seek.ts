/** `herald subscription seek`: sets anew how far a subscription is. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Subscription } from "../../../edge/http/subscriptions/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { idempotencyKey, invocation, message, optionalText } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { sinceText } from "../../Since.ts"
import { given, nameOf, pathOf, subscription, topic } from "./Told.ts"

export const seek = Command.make(
  "seek",
  {
    topic,
    subscription,
    where: Argument.String("to").pipe(
      Argument.withDescription(
        "earliest, latest, a time, how long ago, such as 5m, or a message id: then the other partitions stay where they are"
      ),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    ),
    to: optionalText("to", "The same, as rollback has it", "where"),
    message,
    idempotencyKey
  },
  Effect.fn("Subscription.seek")(function* ({ topic, subscription, where, to: flag, message, idempotencyKey }) {
    const here = yield* invocation
    const shell = yield* Shell
    const said = where ?? flag
    if (said === undefined || (where !== undefined && flag !== undefined))
      return yield* usage(
        said === undefined ? "it is not said where to" : "it is said twice where to",
        `Give it once: herald subscription seek ${topic} ${subscription} earliest.`
      )
    const to = sinceText(said, yield* shell.now)
    const path = pathOf(topic, subscription, "/seek")
    const { body } = yield* here.call({ method: "POST", path, body: { to, ...given({ message }) }, idempotencyKey })
    yield* here.emit(
      body,
      (paint) => `${paint.green("moved")} ${nameOf(body as Subscription, paint)} to ${printable(to)}`
    )
  })
).pipe(
  Command.withDescription("Set a subscription's position anew; what was delivered before and not answered is refused"),
  Command.withExamples([
    {
      command: "herald subscription seek orders billing 2026-11-27T06:00:00Z --message 'the bug is fixed'",
      description: "Everything since then once more"
    },
    { command: "herald subscription seek orders billing 1h", description: "The last hour once more" }
  ])
)
