/** Answers the routes of what environments say of all their flags. */

import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requirePermission } from "../../../access/Access.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { disagreeing } from "../../../flags/Bucketing.ts"
import type { FlagDraft } from "../../../flags/FlagDraft.ts"
import { SETTINGS_KEY } from "../../../flags/FlagSettings.ts"
import { Flags } from "../../../flags/Flags.ts"
import { EVERY_KEY } from "../../../keys/Pattern.ts"
import type { Written } from "../../../values/Written.ts"
import { json } from "../Answer.ts"
import { guardedBy, wishesOf } from "../approvals/Guards.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { became, options, PAGE, versions } from "../flags/Answers.ts"
import { warning } from "../flags/Wire.ts"
import { answer } from "../Problem.ts"
import { FlagSettingsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

type Request = HttpServerRequest.HttpServerRequest

const routes = HttpApiBuilder.group(
  contract.add(FlagSettingsGroup),
  "flagSettings",
  Effect.fnUntraced(function* (handlers) {
    const flags = yield* Flags
    const approvals = yield* Approvals
    const bodyReader = yield* makeBodyReader
    const readSettings = bodyReader(Wire.FlagSettingsBody, bodyLimits.small, "value")
    const readTry = bodyReader(Wire.FlagSettingsTry, bodyLimits.publish, "value")

    const draftOf = (environment: string, value: unknown, expectedVersion?: number) =>
      value === null
        ? Effect.fail(failure("InvalidInput", 'value: null says nothing; write {"bucketing": "v2"}'))
        : Effect.succeed({
            kind: "flag_settings",
            environment,
            key: SETTINGS_KEY,
            definition: (value as Written).text,
            expectedVersion
          } satisfies FlagDraft & { readonly definition: string })

    const disagree = (environment: string) =>
      Effect.map(flags.buckets(environment), ({ bucketing, evaluating }) => disagreeing(bucketing, evaluating))

    return handlers
      .handle("current", ({ query: { environment } }) =>
        answer(
          Effect.map(flags.buckets(environment), ({ version, bucketing, evaluating }) =>
            json({
              environment,
              version,
              bucketing,
              evaluating: evaluating.map((one) => ({ ...one, bucketing: one.bucketing ?? null })),
              disagree: disagreeing(bucketing, evaluating)
            } satisfies Wire.CurrentFlagSettings)
          )
        )
      )
      .handleRaw("set", ({ request, query: { environment }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, { kind: "flag", key: EVERY_KEY }) // B5
            const { value, message, expectedVersion } = yield* readSettings(request as Request)
            const draft = yield* draftOf(environment, value, expectedVersion)
            const made = yield* flags.publish(draft, options(message, headers))
            const fields = yield* became(made, "flag_settings", environment, SETTINGS_KEY)
            return json({ ...fields, disagree: yield* disagree(environment) } satisfies Wire.PublishedFlagSettings)
          })
        )
      )
      .handleRaw("try", ({ request, query: { environment } }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, { kind: "flag", key: EVERY_KEY }) // B5
            const { value, people } = yield* readTry(request as Request)
            const draft = yield* draftOf(environment, value)
            const [found] = yield* flags.validate([draft])
            const contexts = people?.map((one) => (typeof one === "string" ? { targetingKey: one } : one))
            const moving = yield* flags.moving(environment, draft.definition, contexts)
            const { evaluating } = yield* flags.buckets(environment)
            return json({
              difference: found!.difference,
              warnings: found!.warnings.map(warning),
              ...(yield* guardedBy(approvals, wishesOf([], [found!]))),
              moving,
              disagree: disagreeing(moving.to, evaluating)
            } satisfies Wire.TriedFlagSettings)
          })
        )
      )
      .handle("history", ({ query: { environment, limit = PAGE, before } }) =>
        answer(Effect.map(flags.settings.history(environment, SETTINGS_KEY, { limit, before }), versions))
      )
  })
)

export const flagSettings = { groups: [FlagSettingsGroup], routes } as const satisfies Part
