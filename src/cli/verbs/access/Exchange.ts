/** `herald key exchange`: a token of a short life for what one has. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { roles } from "../../../access/Identity.ts"
import type { ServiceToken } from "../../../edge/http/access/TokenWire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { invocation, optionalText } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { facts, time } from "../../Table.ts"
import { expiry, KINDS, kindsIn, listed } from "./Spans.ts"

/** Milliseconds. */
const LONGEST = 3_600_000

const shown = (made: ServiceToken, paint: Paint): string =>
  `${facts(
    [
      ["name", made.name],
      ["role", `${made.role} in ${made.environments.join(", ")}`],
      ["keys", (made.keys ?? []).join(", ")],
      ["kinds", (made.kinds ?? []).join(", ")],
      ["topics", (made.topics ?? []).join(", ")],
      ["ends", time(made.until)]
    ],
    paint
  )}\n${paint.bold(printable(made.token))}\n${paint.yellow("whoever has this token may do that until then: give it as HERALD_TOKEN")}`

const several = (name: string, alias: string | undefined, metavar: string, description: string) => {
  const flag = Flag.String(name).pipe(Flag.withDescription(description), Flag.withMetavar(metavar))
  return (alias === undefined ? flag : flag.pipe(Flag.withAlias(alias))).pipe(Flag.between(0, 100))
}

export const exchange = Command.make(
  "exchange",
  {
    life: optionalText(
      "for",
      "How long it lasts, in minutes or hours: 15m unless given, 1m to 60m or 1h, and no longer than what it is made of",
      "span"
    ),
    role: Flag.Literals("role", roles).pipe(
      Flag.withDescription("What it may do; as what it is made of unless given"),
      Flag.optional,
      Flag.map(Option.getOrUndefined)
    ),
    env: several("env", "e", "name", "Where it works, may be repeated; everywhere that one may unless given"),
    topic: several("topic", undefined, "pattern", "Topics that it may use, may be repeated; what one may unless given"),
    keys: several("keys", undefined, "pattern", "Keys that it may touch, may be repeated; what one may unless given"),
    kinds: optionalText("kinds", `Kinds of what it may touch, ${KINDS}; what one may unless given`, "list")
  },
  Effect.fn("Key.exchange")(function* ({ life = "15m", role, env, topic, keys, kinds: its }) {
    const here = yield* invocation
    const span = /^\d+[mh]$/.test(life) ? expiry(life, 0) : undefined
    if (span === undefined || span === 0 || span > LONGEST)
      return yield* usage(
        `--for ${life} is ${span === undefined ? "no span" : span === 0 ? "no time at all" : "longer than an hour"}`,
        "Write 15m or 1h; 1h is the longest."
      )
    const kinds = kindsIn(its)
    if (kinds !== undefined && "_tag" in kinds) return yield* kinds
    const { body } = yield* here.call({
      method: "POST",
      path: "/v1/token",
      body: {
        lifeMillis: span,
        ...(role === undefined ? {} : { role }),
        ...(env.length === 0 ? {} : { environments: listed(env) }),
        ...(topic.length === 0 ? {} : { topics: listed(topic) }),
        ...(keys.length === 0 ? {} : { keys: listed(keys) }),
        ...(kinds === undefined ? {} : { kinds })
      }
    })
    const made = body as ServiceToken
    yield* here.emit(made, (paint) => shown(made, paint))
  })
).pipe(
  Command.withDescription(
    "Make a token of a short life out of the API key, token or certificate that one has, which may as much or less; it is kept nowhere, and ends with what it was made of"
  ),
  Command.withShortDescription("Make a token of a short life out of what one has"),
  Command.withExamples([
    { command: "herald key exchange", description: "For 15 minutes, with all that one may" },
    {
      command: "herald key exchange --for 5m --role publisher --env staging --keys 'payments.*' --output json",
      description: "For a job of a pipeline, which may no more than its task takes"
    }
  ])
)
