/** `herald flag eval <flag>`: what a flag is for someone, and how it came to that. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Evaluated } from "../../../edge/http/flags/Wire.ts"
import { usage } from "../../CliFailure.ts"
import { env, invocation, optionalText } from "../../Globals.ts"
import { readValue } from "../../Input.ts"
import { pathOf } from "./Changing.ts"
import { decided, unconfirmed } from "./Told.ts"

/** A number, true, false, null, a list or an object where it is written as JSON writes them; otherwise the text. */
const attribute = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const contextOf = Effect.fnUntraced(function* (given: string | undefined) {
  if (given === undefined) return {}
  const text = yield* readValue(given)
  const context = attribute(text)
  return typeof context === "object" && context !== null && !Array.isArray(context)
    ? (context as Readonly<Record<string, unknown>>)
    : yield* usage("--context is no JSON object", 'Give {"country": "de"}, @file, or - for standard input.')
})

export const evaluate = Command.make(
  "eval",
  {
    flag: Argument.String("flag").pipe(Argument.withDescription("The flag's name")),
    env,
    key: optionalText("key", "Who is evaluated: the targeting key", "text"),
    with: Flags.KeyValuePair("with").pipe(
      Flags.withDescription("An attribute, may be repeated: --with country=de --with age=30"),
      Flags.withMetavar("name=value"),
      Flags.withDefault({} as Record<string, string>)
    ),
    context: optionalText("context", "All attributes as JSON: the text itself, @file, or - for standard input", "json")
  },
  Effect.fn("Flag.eval")(function* ({ flag, env, key, with: attributes, context }) {
    const here = yield* invocation
    const own = Object.fromEntries(Object.entries(attributes).map(([name, text]) => [name, attribute(text)]))
    const { body, stale } = yield* here.call({
      method: "POST",
      path: pathOf(flag, "/evaluate"),
      query: { environment: here.environment(env) },
      body: {
        context: { ...(yield* contextOf(context)), ...own, ...(key === undefined ? {} : { targetingKey: key }) }
      },
      readOnly: true
    })
    yield* here.emit(body, (paint) => decided(body as Evaluated, paint, here.room) + unconfirmed(stale, paint))
  })
).pipe(
  Command.withDescription("Show what a flag is for someone, step by step"),
  Command.withExamples([
    { command: "herald flag eval new-checkout --key ann --with country=de", description: "For ann, in Germany" }
  ])
)
