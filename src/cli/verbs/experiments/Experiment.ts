/** `herald experiment start|stop|results|list|show|history`: experiments on variants of flags. */
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { ChangedExperiment, StartBody } from "../../../edge/http/experiments/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, messageOf, optionalText } from "../../Globals.ts"
import { readValue } from "../../Input.ts"
import { experiment, history, list, pathOf, results, show } from "./Look.ts"
import { readAlpha, readMetric, readShares, readTraffic } from "./Metrics.ts"
import { changed } from "./Told.ts"

const start = Command.make(
  "start",
  {
    experiment,
    env,
    flag: Flags.String("flag").pipe(
      Flags.withDescription("The flag whose variants are compared"),
      Flags.withMetavar("name")
    ),
    split: optionalText(
      "split",
      "Publish the flag so that it splits people by these shares, in the same commit: off=50,on=50; the control is the first",
      "shares"
    ),
    shares: optionalText(
      "shares",
      "Take the flag as it is, with these shares; those of its rule unless given",
      "shares"
    ),
    control: optionalText(
      "control",
      "The variant that the others are compared with; the first unless given",
      "variant"
    ),
    metric: Flags.String("metric").pipe(
      Flags.withDescription(
        "What counts, the first decides: an event that users do (checkout), or 'mean(checkout) within 14d cap 500', 'conversion(error) less'"
      ),
      Flags.withMetavar("metric"),
      Flags.between(1, 10)
    ),
    traffic: optionalText("traffic", "With --split: how many take part, as 20%; all unless given", "share"),
    where: optionalText(
      "where",
      "With --split: who may take part, a rule (JSONLogic): the text itself, @file, or -",
      "rule"
    ),
    layer: optionalText("layer", "With --split: nobody is in two experiments of one layer", "name"),
    alpha: optionalText(
      "alpha",
      "How likely a difference may be claimed where there is none; 5% unless given",
      "share"
    ),
    message: messageOf("What it is to find out"),
    idempotencyKey
  },
  Effect.fn("Experiment.start")(function* ({ experiment, env, flag, split, shares, control, metric, where, ...how }) {
    const here = yield* invocation
    const { layer, message, idempotencyKey } = how
    const traffic = how.traffic === undefined ? undefined : readTraffic(how.traffic)
    if (typeof traffic === "object") return yield* traffic
    const alpha = how.alpha === undefined ? undefined : readAlpha(how.alpha)
    if (typeof alpha === "object") return yield* alpha
    if (split !== undefined && shares !== undefined)
      return yield* usage(
        "--split and --shares can't both be given",
        "Give --split to publish the flag, --shares to take it as it is."
      )
    const said = split ?? shares
    if (said === undefined && control !== undefined)
      return yield* usage("--control names one of the shares that are given", "Give --split or --shares, too.")
    const arms = said === undefined ? undefined : readShares(said, control)
    if (arms !== undefined && "_tag" in arms) return yield* arms
    const metrics: Array<StartBody["metrics"][number]> = []
    for (const text of metric) {
      const read = readMetric(text)
      if ("_tag" in read) return yield* read
      metrics.push(read)
    }
    let rule: unknown
    if (where !== undefined) {
      const text = yield* readValue(where)
      rule = yield* Effect.try({
        try: () => JSON.parse(text) as unknown,
        catch: () => usage("--where is no JSON", `Write a rule, as in --where '{"==":[{"var":"country"},"de"]}'.`)
      })
    }
    const body = {
      ...{ flag, metrics },
      ...(arms === undefined ? {} : { arms }),
      ...(split === undefined ? {} : { split: true }),
      ...(traffic === undefined ? {} : { traffic }),
      ...(rule === undefined ? {} : { where: rule }),
      ...(layer === undefined ? {} : { layer }),
      ...(alpha === undefined ? {} : { alpha }),
      ...(message === undefined ? {} : { message })
    }
    const query = { environment: here.environment(env) }
    const answer = yield* here.call({ method: "POST", path: pathOf(experiment, "/start"), query, body, idempotencyKey })
    yield* here.emit(answer.body, (paint) => changed("started", answer.body as ChangedExperiment, paint))
  })
).pipe(
  Command.withDescription("Start an experiment on the variants of a flag, which nobody changes while it runs"),
  Command.withExamples([
    {
      command: "herald experiment start one-page --flag new-checkout --split off=50,on=50 --metric checkout",
      description: "Half of all get the new checkout; do more of them buy?"
    },
    {
      command:
        "herald experiment start one-page --flag new-checkout --split off=50,on=50 --layer shop --traffic 20% --metric 'mean(checkout) cap 500'",
      description: "With a fifth of all, who are in no other experiment of the layer; how much does each bring?"
    }
  ])
)

const stop = Command.make(
  "stop",
  {
    experiment,
    env,
    winner: optionalText("winner", "The variant that won; none unless given", "variant"),
    serve: optionalText("serve", "Everyone is served this variant from now on, in the same commit", "variant"),
    message: messageOf("What was concluded"),
    idempotencyKey
  },
  Effect.fn("Experiment.stop")(function* ({ experiment, env, winner, serve, message, idempotencyKey }) {
    const here = yield* invocation
    const body = {
      ...(winner === undefined ? {} : { winner }),
      ...(serve === undefined ? {} : { serve }),
      ...(message === undefined ? {} : { message })
    }
    const query = { environment: here.environment(env) }
    const answer = yield* here.call({ method: "POST", path: pathOf(experiment, "/stop"), query, body, idempotencyKey })
    yield* here.emit(answer.body, (paint) => {
      const found = answer.body as ChangedExperiment
      const flag = printable(found.flag)
      const next =
        serve === undefined
          ? `${flag} goes on as it is: herald flag history ${flag}, herald flag rollback ${flag} --to <version>`
          : `${flag} serves ${printable(serve)} to everyone`
      return `${changed("stopped", found, paint)}\n${paint.dim(next)}`
    })
  })
).pipe(
  Command.withDescription("Stop an experiment, with what was concluded; its results are kept as they are then"),
  Command.withExamples([
    {
      command: `herald experiment stop one-page --winner on --serve on --message "15 % more of them buy"`,
      description: "The winner is for everyone, in the same commit"
    }
  ])
)

export const experimentVerb = Command.make("experiment").pipe(
  Command.withDescription("Experiments on variants of flags: which of them is better, and how sure is it"),
  Command.withSubcommands([start, results, stop, list, show, history])
)
