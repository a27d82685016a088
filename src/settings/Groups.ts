/** The settings of every room. Made by `npm run docs` from the files `Settings.ts` of src; imports those and nothing else. */
import { settings as access } from "../access/Settings.ts"
import { settings as audit } from "../audit/Settings.ts"
import { settings as configuration } from "../configuration/Settings.ts"
import { settings as distribution } from "../distribution/Settings.ts"
import { settings as edge } from "../edge/Settings.ts"
import { settings as fanout } from "../fanout/Settings.ts"
import { settings as feeds } from "../feeds/Settings.ts"
import { settings as flags } from "../flags/Settings.ts"
import { settings as limits } from "../limits/Settings.ts"
import { settings as marketdata } from "../marketdata/Settings.ts"
import { settings as node } from "../node/Settings.ts"
import { settings as owners } from "../owners/Settings.ts"
import { settings as propagation } from "../propagation/Settings.ts"
import { settings as retention } from "../retention/Settings.ts"
import { settings as schedules } from "../schedules/Settings.ts"
import { settings as sessions, rule as sessionsRule } from "../sessions/Settings.ts"
import { settings as telemetry } from "../telemetry/Settings.ts"
import { settings as topics } from "../topics/Settings.ts"
import { settings as usage } from "../usage/Settings.ts"
import { settings as webhooks, rule as webhooksRule } from "../webhooks/Settings.ts"
import { settings, rule as settingsRule } from "./Settings.ts"

export const groups = {
  ...access,
  ...audit,
  ...configuration,
  ...distribution,
  ...edge,
  ...fanout,
  ...feeds,
  ...flags,
  ...limits,
  ...marketdata,
  ...node,
  ...owners,
  ...propagation,
  ...retention,
  ...schedules,
  ...sessions,
  ...settings,
  ...telemetry,
  ...topics,
  ...usage,
  ...webhooks
}

/** What is wrong with settings that are right alone. */
export const rules = [sessionsRule, settingsRule, webhooksRule]
