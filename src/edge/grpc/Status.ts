/** Turns errors and endings into gRPC statuses: the code from the catalogue, `HRLD-nnnn message` for people, trailers for machines. */
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

/** Undefined when the client left: there is nobody to tell. */
export const statusOfEnding = (ending: Ending): Partial<StatusObject> | undefined =>
  ending.name === "Closed"
    ? undefined
    : status(failure(ending.name, ending.reason), { "herald-reconnect": endings[ending.name].reconnect })

/** What the caller of a failed handler is told; of a defect, nothing but that. */
export const statusOfExit = (exit: Exit.Failure<unknown, HeraldError>): Partial<StatusObject> => {
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return statusOf(error instanceof HeraldError ? error : failure("Internal", catalogue.Internal.title))
}
