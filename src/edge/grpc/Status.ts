/**
 * Turns errors and endings into gRPC statuses: the code from the catalogue, `HRLD-nnnn message` for people, trailers for machines.
 *
 *   ZQ1  What an error says comes as it was said, in whatever letters: gRPC escapes them in the header. Control characters do not come.
 *   ZQ3  Who may come back at a time is told when, in `google.rpc.RetryInfo` and in `retry-after-ms`, by whatever protocol of this door.
 */
import { Cause, type Exit, Option } from "effect"
import { catalogue } from "../../errors/Catalogue.ts"
import { failure, HeraldError } from "../../errors/HeraldError.ts"
import { type Ending, endings } from "../../sessions/Ending.ts"
import { Code } from "./Code.ts"
import { inHeader } from "./HeaderText.ts"
import { retryInfo, statusDetails } from "./RetryInfo.ts"
import type { CallStatus } from "./ServerCall.ts"

export const OK: CallStatus = { code: Code.OK, details: "OK" }

const plain = (text: string) => text.toWellFormed().replace(/\p{Cc}/gu, "?")

const status = (error: HeraldError, extra: Readonly<Record<string, string>>): CallStatus => ({
  code: error.row.grpc,
  details: inHeader(plain(`${error.code} ${error.message}`), plain(`. ${error.row.fix}`)), // ZQ1, ZQ2
  trailers: { "herald-code": error.code, ...extra }
})

export const statusOf = (error: HeraldError): CallStatus => {
  const wait = error.details?.["retryAfterMillis"]
  if (typeof wait !== "number") return status(error, {})
  const { code, details } = status(error, {})
  const rich = statusDetails(code, details, [retryInfo(wait)])
  return status(error, { "retry-after-ms": String(wait), "grpc-status-details-bin": rich.toString("base64") }) // ZQ3
}

/** Undefined when the client left: there is nobody to tell. */
export const statusOfEnding = (ending: Ending): CallStatus | undefined =>
  ending.name === "Closed"
    ? undefined
    : status(failure(ending.name, ending.reason), { "herald-reconnect": endings[ending.name].reconnect })

/** What a failed handler met; a defect tells nothing of itself. */
export const errorIn = (exit: Exit.Failure<unknown, HeraldError>): HeraldError => {
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return error instanceof HeraldError ? error : failure("Internal", catalogue.Internal.title)
}

/** What the caller of a failed handler is told. */
export const statusOfExit = (exit: Exit.Failure<unknown, HeraldError>): CallStatus => statusOf(errorIn(exit))
