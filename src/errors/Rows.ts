/** The rows of every capability. Made by `npm run docs` from the files `Errors.ts` of src; imports those and nothing else. */
import { errors as access } from "../access/Errors.ts"
import { errors as approvals } from "../approvals/Errors.ts"
import { errors as client } from "../client/Errors.ts"
import { errors as configuration } from "../configuration/Errors.ts"
import { errors as edge } from "../edge/Errors.ts"
import { errors as experiments } from "../experiments/Errors.ts"
import { errors as fanout } from "../fanout/Errors.ts"
import { errors as filters } from "../filters/Errors.ts"
import { errors as flags } from "../flags/Errors.ts"
import { errors as fleet } from "../fleet/Errors.ts"
import { errors as keys } from "../keys/Errors.ts"
import { errors as limits } from "../limits/Errors.ts"
import { errors as marketdata } from "../marketdata/Errors.ts"
import { errors as outbox } from "../outbox/Errors.ts"
import { errors as refs } from "../refs/Errors.ts"
import { errors as rollouts } from "../rollouts/Errors.ts"
import { errors as routes } from "../routes/Errors.ts"
import { errors as schedules } from "../schedules/Errors.ts"
import { errors as sessions } from "../sessions/Errors.ts"
import { errors as settings } from "../settings/Errors.ts"
import { errors as subscriptions } from "../subscriptions/Errors.ts"
import { errors as topics } from "../topics/Errors.ts"
import { errors as values } from "../values/Errors.ts"
import { errors as work } from "../work/Errors.ts"
import { errors } from "./Errors.ts"

export const rows = {
  ...access,
  ...approvals,
  ...client,
  ...configuration,
  ...edge,
  ...errors,
  ...experiments,
  ...fanout,
  ...filters,
  ...flags,
  ...fleet,
  ...keys,
  ...limits,
  ...marketdata,
  ...outbox,
  ...refs,
  ...rollouts,
  ...routes,
  ...schedules,
  ...sessions,
  ...settings,
  ...subscriptions,
  ...topics,
  ...values,
  ...work
}
