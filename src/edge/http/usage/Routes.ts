/** Answers the routes of how flags are used. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { FlagUses } from "../../../flags/FlagUses.ts"
import { Reports } from "../../../flags/Reports.ts"
import { json } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { stamp } from "../Wire.ts"
import { UsageGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const PAGE = 1_000
const DAYS = 30

const routes = HttpApiBuilder.group(
  contract.add(UsageGroup),
  "usage",
  Effect.fnUntraced(function* (handlers) {
    const uses = yield* FlagUses
    const { report } = yield* Reports
    const bodyReader = yield* makeBodyReader
    const readReport = bodyReader(Wire.ReportBody, bodyLimits.report)
    const readTrack = bodyReader(Wire.TrackBody, bodyLimits.report)

    return handlers
      .handle("uses", ({ query: { environment, prefix = "", after = "", limit = PAGE } }) =>
        answer(Effect.map(uses.last(environment, { prefix, after, limit }), (page) => json(Wire.usesOf(page))))
      )
      .handle("use", ({ params: { flag }, query: { environment, days = DAYS } }) =>
        answer(
          Effect.map(uses.of(environment, flag, days), ({ last, since, counts }) =>
            json({
              ...Wire.useOf(flag, last),
              ...{ environment, since, sinceTime: stamp(since), counts: counts.map(Wire.countOf) }
            } satisfies Wire.FlagUsage)
          )
        )
      )
      .handle("stale", ({ query: { environment, days = DAYS, after = "" } }) =>
        answer(
          Effect.map(uses.stale(environment, { days, after }), ({ stale, next }) => json(Wire.staleOf(stale, next)))
        )
      )
      .handleRaw("report", ({ request }) =>
        answer(
          Effect.map(
            Effect.flatMap(readReport(request), (body) => report(Wire.saidOf(body))),
            (reported) => json(Wire.answerOf(reported))
          )
        )
      )
      .handleRaw("track", ({ request }) =>
        answer(
          Effect.map(
            Effect.flatMap(readTrack(request), (body) => report(Wire.tracksOf(body, crypto.randomUUID()))),
            (reported) => json(Wire.answerOf(reported))
          )
        )
      )
  })
)

export const usage = { groups: [UsageGroup], routes } as const satisfies Part
