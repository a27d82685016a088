/**
 * Everything that can go wrong in the CLI, in the words of the user: code, what happened, why, what to do.
 *
 *   CF1  The exit code is the catalogue's for a known code; otherwise it follows from the HTTP status.
 */
import * as Data from "effect/Data"
import { byCode, catalogue, type ErrorName } from "../errors/Catalogue.ts"
import { printable } from "../text/Printable.ts"
import { withoutTokens } from "../text/Secrets.ts"
import type { Paint } from "./Paint.ts"

export class CliFailure extends Data.TaggedError("CliFailure")<{
  /** `HRLD-nnnn`, or "" where no server was involved. */
  readonly code: string
  readonly title: string
  readonly what: string
  readonly why: string
  readonly fix: string
  readonly exit: number
  readonly trace: string
  /** A later attempt with the same idempotency key may succeed. */
  readonly retryable: boolean
  /** Milliseconds that the server asks to wait, 0 if it did not. */
  readonly retryAfter: number
}> {}

const blank = { code: "", why: "", fix: "", exit: 1, trace: "", retryable: false, retryAfter: 0 }

/** All is said: the verb has nothing to add, and nothing went wrong. */
export class Told extends CliFailure {
  constructor() {
    super({ ...blank, title: "", what: "", exit: 0 })
  }
}

/** Wrong arguments: exit code 2. */
export const usage = (what: string, fix: string): CliFailure =>
  new CliFailure({ ...blank, title: "Wrong usage", what, fix, exit: 2 })

/** A row of the catalogue, found by the CLI itself. */
export const known = (name: ErrorName, what: string, fix: string = catalogue[name].fix): CliFailure => {
  const row = catalogue[name]
  return new CliFailure({ ...blank, code: row.code, title: row.title, what, why: row.cause, fix, exit: row.exit })
}

/** A failure to make what is there already: whoever makes something expects no version. */
export const alreadyThere =
  (what: string, fix: string) =>
  (failure: CliFailure): CliFailure =>
    failure.code === catalogue.VersionConflict.code
      ? new CliFailure({ ...failure, what: `there is ${what} already`, why: "It was made before.", fix })
      : failure

const local = (address: string): boolean => /^(https?:\/\/)?(127\.|localhost|\[::1\])/.test(address)

/** What the system, or who answers, says of an address at which something else answers, and what that is. */
const strangers: ReadonlyArray<readonly [said: RegExp, what: string, fix: string]> = [
  [
    /^This is Herald's gRPC port/,
    "what answers there is Herald's gRPC port",
    "Give its REST address (8080 by default) with --server or HERALD_SERVER."
  ],
  [
    /does not match the HTTP|HPE_|Parse Error/i,
    "what answers there does not speak HTTP",
    "It may be Herald's gRPC port (50051 by default): give its REST address (8080 by default) with --server or HERALD_SERVER."
  ],
  [
    /wrong.version.number|packet.length.too.long/i,
    "what answers there does not speak TLS",
    "Leave https:// out where the server has no TLS (http:// for --server), or give another port."
  ],
  [
    /Protocol error|ERR_HTTP2|Received HTTP status|application protocol/i,
    "what answers there does not speak gRPC",
    "It may be Herald's REST port (8080 by default): give its gRPC address (50051 by default) with --grpc or HERALD_GRPC."
  ]
]

/** What OpenSSL and Node say of a certificate that they don't trust. */
const distrust: ReadonlyArray<readonly [said: RegExp, what: string, fix: string]> = [
  [
    /CERT_HAS_EXPIRED|certificate has expired/,
    "its certificate has ended",
    "Renew it on the server: the files of TLS_CERT and TLS_KEY are read again by themselves."
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames/,
    "its certificate is for other names",
    "Give an address that the certificate names, or make one for this address."
  ],
  [
    /SELF_SIGNED_CERT|self-signed certificate|UNABLE_TO_(GET_ISSUER|VERIFY)|unable to (get (local )?issuer|verify)/,
    "its certificate is of an authority that this machine does not know",
    "Give the authority's certificate: --ca ca.pem or HERALD_CA"
  ]
]

/** Something answers, and it is not what is meant, or can't prove that it is. */
export const stranger = (server: string, said: string): CliFailure | undefined => {
  const doubt = distrust.find(([pattern]) => pattern.test(said))
  if (doubt !== undefined) {
    const [, what, fix] = doubt
    const title = `The server at ${server} is not trusted`
    return new CliFailure({ ...blank, title, what, fix, exit: catalogue.DatabaseUnavailable.exit })
  }
  const found = strangers.find(([pattern]) => pattern.test(said))
  if (found === undefined) return undefined
  const [, what, fix] = found
  return new CliFailure({
    ...blank,
    title: `That is not Herald's port: ${server}`,
    what,
    fix,
    exit: catalogue.DatabaseUnavailable.exit
  })
}

const CLOSED = "UND_ERR_SOCKET"
const silences: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there (ECONNREFUSED)",
  [CLOSED]: "the connection was closed without an answer"
}

/** No answer at all. `reason` is the system's error code, such as ECONNREFUSED. */
export const unreachable = (server: string, reason: string, setting = "--server or HERALD_SERVER"): CliFailure =>
  new CliFailure({
    ...blank,
    title: `Can't reach Herald at ${server}`,
    what: silences[reason] ?? reason,
    why:
      reason === CLOSED
        ? "The server has TLS, has just ended, or something else is there."
        : local(server)
          ? "The server isn't running, or it uses another port."
          : "",
    fix: `${reason === CLOSED && server.startsWith("http://") ? "Write https:// if it has TLS.\n" : ""}${local(server) ? "Start it with `npx herald start`, or give" : "Give"} its address with ${setting}.`,
    exit: catalogue.DatabaseUnavailable.exit,
    retryable: true
  })

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const exitOfStatus = (status: number): number => {
  if (status === 404) return 4
  if (status === 409 || status === 412) return 5
  if (status === 401 || status === 403) return 6
  if (status === 429 || status >= 502) return 7
  return status >= 400 && status < 500 ? 3 : 1
}

/** The rollout that was meant in place of `<id>`, so that the command can be typed as it stands. */
const withRollout = (fix: string, details: unknown): string => {
  if (typeof details !== "object" || details === null) return fix
  const { rollout, key, environment } = details as Record<string, unknown>
  const id = text(rollout) || text(key)
  const where = text(environment)
  return /^r\d{1,18}$/.test(id) && /^[\w.-]+$/.test(where)
    ? fix.replace(/(herald rollout \w+) <id>/g, `$1 ${id} --env ${where}`)
    : fix
}

/** An HTTP answer that is not a success: problem details (RFC 9457) where Herald made it, anything where a proxy did. */
export const fromAnswer = (
  where: string,
  status: number,
  body: unknown,
  raw: string,
  retryAfterHeader: string
): CliFailure => {
  const problem = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {}
  const code = text(problem["code"])
  const row = byCode(code)
  const retryAfter = Number.parseFloat(retryAfterHeader)
  return new CliFailure({
    code,
    title: text(problem["title"]) || row?.title || `${where} answered ${status}`,
    what: text(problem["detail"]) || (code === "" ? raw.slice(0, 300) : ""),
    why: text(problem["cause"]) || row?.cause || "",
    fix: withRollout(
      text(problem["fix"]) ||
        row?.fix ||
        (code === "" ? "Check that --server is the address of a Herald server and not of something else." : ""),
      problem["details"]
    ),
    exit: row?.exit ?? exitOfStatus(status),
    trace: text(problem["traceId"]) || text(problem["trace_id"]) || text(problem["trace"]),
    retryable:
      (status === 503 || status === 504) &&
      code !== catalogue.DatabaseReadOnly.code &&
      code !== catalogue.DatabaseNewer.code &&
      code !== catalogue.StaleRead.code,
    retryAfter: Number.isFinite(retryAfter) ? retryAfter * 1000 : 0
  })
}

/** The lines for stderr. TU2 */
export const render = (failure: CliFailure, paint: Paint): string => {
  const line = (label: string, value: string): string =>
    value === ""
      ? ""
      : `\n  ${paint.dim(label.padEnd(5))} ${printable(withoutTokens(value), true).replaceAll("\n", "\n        ")}`
  const head = failure.code === "" ? "error" : `error ${failure.code}`
  return (
    `${paint.red(head)}: ${printable(withoutTokens(failure.title))}` +
    line("what", failure.what) +
    line("why", failure.why) +
    line("fix", failure.fix) +
    line("trace", failure.trace) +
    (failure.code === "" ? "" : `\n  ${paint.dim(`more  herald explain ${failure.code}`)}`)
  )
}

/** The same for machines. TU2 */
export const toJson = (failure: CliFailure): Record<string, unknown> => ({
  error: {
    ...(failure.code === "" ? {} : { code: failure.code }),
    title: withoutTokens(failure.title),
    detail: withoutTokens(failure.what),
    cause: failure.why,
    fix: withoutTokens(failure.fix),
    exit: failure.exit,
    ...(failure.trace === "" ? {} : { traceId: failure.trace })
  }
})
