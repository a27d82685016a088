/** `herald validate <key> <value>`: everything that publish checks, without writing. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { env, invocation } from "../../Globals.ts"
import { changeFlags, tryOut } from "./ChangeFlags.ts"

export const validate = Command.make(
  "validate",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key that the value would be published to")),
    value: Argument.String("value").pipe(Argument.withDescription("The text itself, @file, or - for standard input")),
    env,
    ...changeFlags
  },
  Effect.fn("Validate.run")(function* (input) {
    const here = yield* invocation
    yield* tryOut(here, here.environment(input.env), input)
  })
).pipe(
  Command.withDescription(
    "Check a value as publish would (type, schema, template, every connected client) without writing"
  ),
  Command.withShortDescription("Check a value without writing"),
  Command.withExamples([
    { command: "herald validate user-service @config.json", description: "Exit code 3 if refused" }
  ])
)
