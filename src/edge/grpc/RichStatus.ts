/**
 * Says in the trailers of a call why it failed, for programs: https://grpc.io/docs/guides/error/#richer-error-model
 *
 *   G16 Every failed call of Herald's own services has a `google.rpc.Status` with a `herald.publishing.v1.Problem`, whose message is the call's own.
 *       Calls of other protocols (flagd's) have what those say.
 */
import { BinaryReader } from "@bufbuild/protobuf/wire"
import type { Exit } from "effect"
import { Problem } from "../../../proto/generated/herald/publishing/v1/publishing.ts"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"
import type { Ending } from "../../sessions/Ending.ts"
import { fitted } from "../../text/Fitted.ts"
import { inBytes } from "./HeaderText.ts"
import { anyOf, retryInfo, statusDetails } from "./RetryInfo.ts"
import type { CallStatus } from "./ServerCall.ts"
import { errorIn, statusOf, statusOfEnding } from "./Status.ts"

/** UTF-16 units of a problem's text, and of its details; in a trailer, bytes of the text. */
const DETAIL = 1_024
const DETAILS = 2_048
/** Bytes of a trailer, before they are base64: beside `MESSAGE` they fit into 8 KB. ZQ2 */
const TRAILER = 3_840

const plain = (_: string, value: unknown) => (typeof value === "bigint" ? Number(value) : value)

/** Details that are too long for a trailer are left out. */
export const problemOf = (error: HeraldError): Problem => {
  const { code, grpc, fix } = error.row
  const details = error.details === undefined ? "" : JSON.stringify(error.details, plain)
  return {
    code,
    status: grpc,
    detail: fitted(error.message, DETAIL),
    fix,
    detailsJson: details.length > DETAILS ? "" : details,
    retryAfterMs: Number(error.details?.["retryAfterMillis"] ?? 0)
  }
}

/** `message` is the call's own: libraries (Go's, for one) show this one instead. */
const richStatus = (problem: Problem, message: string): Buffer => {
  const fitting = { ...problem, detail: inBytes(problem.detail, DETAIL) }
  const rich = encoded(fitting, message)
  return rich.length <= TRAILER ? rich : encoded({ ...fitting, detailsJson: "" }, message)
}

const encoded = (problem: Problem, message: string): Buffer => {
  const any = anyOf("herald.publishing.v1.Problem", Problem.encode(problem).finish())
  const retry = problem.retryAfterMs > 0 ? [retryInfo(problem.retryAfterMs)] : [] // ZQ3
  return statusDetails(problem.status, inBytes(fitted(message, DETAIL), DETAIL), [any, ...retry])
}

const withProblem = (status: CallStatus, error: HeraldError): CallStatus => {
  const rich = richStatus(problemOf(error), status.details)
  return { ...status, trailers: { ...status.trailers, "grpc-status-details-bin": rich.toString("base64") } }
}

/** As `statusOf`. G16 */
export const richStatusOf = (error: HeraldError): CallStatus => withProblem(statusOf(error), error)

/** As `statusOfExit`. G16 */
export const richStatusOfExit = (exit: Exit.Failure<unknown, HeraldError>): CallStatus => richStatusOf(errorIn(exit))

/** As `statusOfEnding`. G16 */
export const richStatusOfEnding = (ending: Ending): CallStatus | undefined => {
  const status = statusOfEnding(ending)
  return status === undefined || ending.name === "Closed"
    ? undefined
    : withProblem(status, failure(ending.name, ending.reason))
}

/** The field of a message; empty: it has none. */
const field = (bytes: Uint8Array, wanted: number): Uint8Array => {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number === wanted) return reader.bytes()
    reader.skip(type, number)
  }
  return new Uint8Array(0)
}

/** What was said in the trailers, for what ends calls in another way. Undefined: the call did not fail. G16 */
export const problemIn = ({ trailers }: CallStatus): Problem | undefined => {
  const rich = trailers?.["grpc-status-details-bin"]
  return rich === undefined ? undefined : Problem.decode(field(field(Buffer.from(String(rich), "base64"), 3), 2))
}
