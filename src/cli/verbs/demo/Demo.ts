/** `herald demo`: things to try Herald with. */
import * as Command from "effect/cli/Command"
import { market } from "./Market.ts"

export const demoVerb = Command.make("demo").pipe(
  Command.withDescription("Things to try Herald with. Nothing that they tell of is real"),
  Command.withShortDescription("Things to try Herald with"),
  Command.withSubcommands([market])
)
