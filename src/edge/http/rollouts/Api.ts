/** The group `rollouts`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { conditions } from "../../../rollouts/Evidence.ts"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { FlagName, IdempotencyKey, Key, Limit, problems, Whole } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }

const move = <Name extends "pause" | "resume" | "promote" | "abort">(
  name: Name,
  summary: string,
  description: string
) =>
  post(name, `/v1/rollouts/:rollout/${name}`, {
    params: Wire.Target,
    query: Wire.InEnvironment,
    headers,
    payload: name === "promote" ? Wire.PromoteBody : Wire.MoveBody,
    success: Wire.Started,
    error
  })
    .annotate(CanWait, true)
    .annotate(Needs, need("config.write", "named", 4))
    .annotateMerge(about(summary, description))

export class RolloutsGroup extends HttpApiGroup.make("rollouts")
  .add(
    post("start", "/v1/rollouts", {
      query: { dryRun: Schema.optionalKey(Schema.Boolean) },
      headers,
      payload: Wire.RolloutBody,
      success: [Wire.Started, Wire.RolloutPreview],
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "somewhere", 10))
      .annotateMerge(
        about(
          "Begin a rollout",
          "A release that reaches more and more instances, stage by stage, and is taken back by itself when a gate says so."
        )
      ),
    get("list", "/v1/rollouts", {
      query: {
        ...Wire.InEnvironment,
        state: Schema.optionalKey(Wire.AnyState),
        flag: Schema.optionalKey(FlagName),
        key: Schema.optionalKey(Key),
        limit: Schema.optionalKey(Limit),
        before: Schema.optionalKey(Wire.RolloutId)
      },
      success: Wire.RolloutList,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(
        about("List rollouts", "Newest first. `state`: one of them, or `active` for all that are not over.")
      ),
    get("get", "/v1/rollouts/:rollout", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        wait: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
        seen: Schema.optionalKey(Plain(64))
      },
      success: Wire.Look,
      error
    })
      .annotate(Needs, need("config.read", "named", 10))
      .annotateMerge(
        about(
          "Read a rollout",
          "With what is known of its instances and what its gates say now. `wait`, with `seen` of an earlier answer: seconds until there is an answer although nothing has changed."
        )
      ),
    get("history", "/v1/rollouts/:rollout/history", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Whole)
      },
      success: Wire.RolloutHistory,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("Transitions of a rollout, oldest first", "Each with what was known when it was decided.")),
    get("instances", "/v1/rollouts/:rollout/instances", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        is: Schema.optionalKey(Schema.Literals(conditions)),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(2_048))
      },
      success: Wire.RolloutInstances,
      error
    })
      .annotate(Needs, need("clients.read", "named", 4))
      .annotateMerge(about("Instances of a rollout's cohort", "As they are known; kept until it is over.")),
    move(
      "pause",
      "Pause a rollout",
      "Who has the change keeps it, nobody else gets it, and bad evidence still takes it back."
    ),
    move("resume", "Resume a rollout", "Its stage goes on, and its bake begins anew."),
    move(
      "promote",
      "Promote a rollout",
      "Begins the next stage at once, whatever gates say; with `everyone`, and after the last stage, completes it."
    ),
    move("abort", "Abort a rollout", "Who has the change gets back what is current.")
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Rollouts" })) {}
