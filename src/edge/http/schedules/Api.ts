/** The group `schedules`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { states } from "../../../schedules/Schedule.ts"
import { Authentication, about } from "../Contract.ts"
import { Validated } from "../configuration/Wire.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { FlagName, IdempotencyKey, Key, Limit, Message, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }

export class SchedulesGroup extends HttpApiGroup.make("schedules")
  .add(
    post("make", "/v1/schedules", {
      query: { dryRun: Schema.optionalKey(Schema.Boolean) },
      headers,
      payload: Wire.ScheduleBody,
      success: [Wire.Scheduled, Validated],
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "somewhere", 10))
      .annotateMerge(
        about(
          "Schedule a change",
          "A release that is made at a time, by the clock of the database: all of it, or nothing."
        )
      ),
    get("list", "/v1/schedules", {
      query: {
        ...Wire.InEnvironment,
        state: Schema.optionalKey(Schema.Literals(states)),
        flag: Schema.optionalKey(FlagName),
        key: Schema.optionalKey(Key),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Wire.ScheduleId)
      },
      success: Wire.ScheduleList,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(
        about(
          "List scheduled changes",
          "In the order in which they were made; what is over stays for as long as revisions do."
        )
      ),
    get("get", "/v1/schedules/:id", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      success: Wire.WholeSchedule,
      error
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(about("Read a scheduled change", "With what it is to do.")),
    get("preview", "/v1/schedules/:id/preview", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      success: Wire.Preview,
      error
    })
      .annotate(Needs, need("config.write", "named", 10))
      .annotateMerge(about("What a scheduled change would do now", "Writes nothing.")),
    HttpApiEndpoint.delete("cancel", "/v1/schedules/:id", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, message: Schema.optionalKey(Message) },
      headers,
      success: Wire.Scheduled,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Cancel a scheduled change", "Refused once it is over."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Scheduled changes" })) {}
