/** HeraldError and session endings as gRPC status: code from the catalogue, details `HRLD-nnnn message`, trailers for machines. */
import { Metadata, type StatusObject } from "@grpc/grpc-js"
import { Cause, type Exit, Option } from "effect"
import { catalogue } from "../../errors/Catalogue.ts"
import { failure, HeraldError } from "../../errors/HeraldError.ts"
import { type Ending, endings } from "../../sessions/Ending.ts"

const status = (error: HeraldError, extra: Record<string, string>): Partial<StatusObject> => {
  const metadata = new Metadata()
  metadata.set("herald-code", error.code)
  for (const [name, value] of Object.entries(extra)) metadata.set(name, value)
  const details = `${error.code} ${error.message}. ${error.row.fix}`.replace(/[^\x20-\x7e]/g, "?")
  return { code: error.row.grpc, details, metadata }
}

export const statusOf = (error: HeraldError): Partial<StatusObject> => {
  const wait = error.details?.["retryAfterMillis"]
  return status(error, wait === undefined ? {} : { "retry-after-ms": String(wait) })
}

/** Undefined: the client left, there is nobody to tell. */
export const statusOfEnding = (ending: Ending): Partial<StatusObject> | undefined =>
  ending.name === "Closed"
    ? undefined
    : status(failure(ending.name, ending.reason), { "herald-reconnect": endings[ending.name].reconnect })

/** What a failed handler tells its caller; a defect tells nothing of itself. */
export const statusOfExit = (exit: Exit.Failure<unknown, HeraldError>): Partial<StatusObject> => {
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return statusOf(error instanceof HeraldError ? error : failure("Internal", catalogue.Internal.title))
}
