/** Translates between herald.reporting.v1 and the model. Pure. */
import type { ReportRequest, ReportResponse } from "../../../../proto/generated/herald/reporting/v1/reporting.ts"
import type { Reported } from "../../../flags/Reports.ts"
import { DEFAULT_ENVIRONMENT } from "../../../keys/Environment.ts"
import { DETAILS_JSON, type Said } from "../../../usage/Report.ts"

/** What is no JSON stays the text that it is, which is no object. */
const detailsOf = (json: string): unknown => {
  if (json === "") return undefined
  if (json.length > DETAILS_JSON) return json
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

export const saidOf = ({ batchId, environment, sdk, ...request }: ReportRequest): Said => ({
  batchId,
  environment: environment === "" ? DEFAULT_ENVIRONMENT : environment,
  sdk,
  evaluations: request.evaluations.map(({ count, lastAtMs, ...one }) => ({
    ...one,
    count: Number(count),
    lastAt: Number(lastAtMs)
  })),
  exposures: request.exposures.map(({ atMs, ...one }) => ({ ...one, at: Number(atMs) })),
  tracks: request.tracks.map(({ name, unit, value, atMs, detailsJson }) => ({
    ...{ name, unit, value },
    at: Number(atMs),
    details: detailsOf(detailsJson)
  }))
})

export const responseOf = ({ replayed, accepted, refused, refusedCount, overLimit }: Reported): ReportResponse => ({
  ...{ replayed, accepted, refusedCount, overLimit },
  refused: [...refused]
})
