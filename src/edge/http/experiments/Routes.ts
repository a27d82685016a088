/** Answers the routes of experiments. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { requirePermission } from "../../../access/Access.ts"
import { failure } from "../../../errors/HeraldError.ts"
import type { Json } from "../../../evaluation/Json.ts"
import { experimentBytes } from "../../../experiments/Experiment.ts"
import { Experiments, type Started } from "../../../experiments/Experiments.ts"
import { ALPHA } from "../../../experiments/Wanted.ts"
import { mayGoOn } from "../../../values/Page.ts"
import { json } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { ExperimentsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const PAGE = 100

const written = (started: Started) => {
  const body = Wire.changed(started)
  return body === undefined
    ? Effect.fail(failure("IdempotencyConflict", "the key was used for a commit that did not touch an experiment"))
    : Effect.succeed(json(body))
}

const routes = HttpApiBuilder.group(
  contract.add(ExperimentsGroup),
  "experiments",
  Effect.fnUntraced(function* (handlers) {
    const experiments = yield* Experiments
    const bodyReader = yield* makeBodyReader
    const readStart = bodyReader(Wire.StartBody, bodyLimits.small)
    const readStop = bodyReader(Wire.StopBody, bodyLimits.small, "nothing", {})

    return handlers
      .handleRaw("start", ({ request, params, query: { environment }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, "some") // B5
            const said = yield* readStart(request)
            const { flag, arms, split = false, traffic = 100, where, layer = "", metrics, alpha = ALPHA } = said
            return yield* written(
              yield* experiments.start(
                {
                  ...{ environment, key: params.experiment, flag, arms, split, traffic, layer, metrics, alpha },
                  where: where as Json | undefined
                },
                { message: said.message ?? "", idempotencyKey: headers["idempotency-key"] }
              )
            )
          })
        )
      )
      .handleRaw("stop", ({ request, params, query: { environment }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, "some") // B5
            const { winner, serve, message = "" } = yield* readStop(request)
            const idempotencyKey = headers["idempotency-key"]
            const how = { winner, serve, message, idempotencyKey }
            const committed = yield* experiments.stop(environment, params.experiment, how)
            return yield* written({ committed, warnings: [] })
          })
        )
      )
      .handle("list", ({ query: { environment, state, flag, limit = PAGE, after = "" } }) =>
        answer(
          Effect.map(experiments.list(environment, { state, flag, limit, after }), (found) =>
            json({
              experiments: found.map(Wire.experiment),
              next: mayGoOn(found, limit, experimentBytes) ? (found.at(-1)?.key ?? null) : null
            } satisfies Wire.ExperimentList)
          )
        )
      )
      .handle("get", ({ params, query: { environment } }) =>
        answer(Effect.map(experiments.get(environment, params.experiment), (found) => json(Wire.experiment(found))))
      )
      .handle("history", ({ params, query: { environment, limit = PAGE, before } }) =>
        answer(
          Effect.map(experiments.history(environment, params.experiment, { limit, before }), (found) =>
            json({
              versions: found.map((one) => Wire.withResults(one, one.results)),
              next: mayGoOn(found, limit, experimentBytes) ? (found.at(-1)?.version ?? null) : null
            } satisfies Wire.ExperimentHistory)
          )
        )
      )
      .handle("results", ({ params, query: { environment } }) =>
        answer(
          Effect.map(experiments.results(environment, params.experiment), ({ experiment, results }) =>
            json(Wire.withResults(experiment, results))
          )
        )
      )
  })
)

export const experiments = { groups: [ExperimentsGroup], routes } as const satisfies Part
