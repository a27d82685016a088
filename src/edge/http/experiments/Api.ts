/** The group `experiments`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { NAME, states } from "../../../experiments/Experiment.ts"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { Version } from "../configuration/Wire.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { FlagName, IdempotencyKey, Limit, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }

export class ExperimentsGroup extends HttpApiGroup.make("experiments")
  .add(
    post("start", "/v1/experiments/:experiment/start", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      headers,
      payload: Wire.StartBody,
      success: Wire.ChangedExperiment,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 10))
      .annotateMerge(
        about(
          "Start an experiment",
          "On variants of a flag, which nobody changes while it runs; with the split of the flag in the same commit, if it is wanted."
        )
      ),
    post("stop", "/v1/experiments/:experiment/stop", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      headers,
      payload: Wire.StopBody,
      success: Wire.ChangedExperiment,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 50))
      .annotateMerge(about("Stop an experiment", "Its results are kept as they are then.")),
    get("list", "/v1/experiments", {
      query: {
        ...Wire.InEnvironment,
        state: Schema.optionalKey(Schema.Literals(states)),
        flag: Schema.optionalKey(FlagName),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(NAME))
      },
      success: Wire.ExperimentList,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("List experiments", "In the order of their names.")),
    get("get", "/v1/experiments/:experiment", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      success: Wire.Experiment,
      error
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(about("Read an experiment")),
    get("history", "/v1/experiments/:experiment/history", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, limit: Schema.optionalKey(Limit), before: Schema.optionalKey(Version) },
      success: Wire.ExperimentHistory,
      error
    })
      .annotate(Needs, need("config.read", "named", 10))
      .annotateMerge(about("How an experiment was started and stopped, newest first", "With the results of then.")),
    get("results", "/v1/experiments/:experiment/results", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      success: Wire.WithResults,
      error
    })
      .annotate(Needs, need("config.read", "named", 50))
      .annotateMerge(
        about(
          "What an experiment has shown",
          "By variant, with intervals that may be looked at any time. Summed up at most every five seconds; of one that was stopped, as it was then."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Experiments" })) {}
