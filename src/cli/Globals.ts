/**
 * Flags that every verb takes, and what they amount to: where the server is and how to print.
 *
 *   OU1  A text is printed as JSON or YAML so that its reader gets the same text.
 *   OU2  JSON that is laid out for people keeps every token as it was written.
 */

import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { DEFAULT_ENVIRONMENT } from "../keys/Environment.ts"
import { printable } from "../text/Printable.ts"
import { Told } from "./CliFailure.ts"
import { toldReviews } from "./Glass.ts"
import { signedIn } from "./Hints.ts"
import { type Call, send } from "./Http.ts"
import { colours, type Paint, plain, wantsColour } from "./Paint.ts"
import { Shell } from "./Shell.ts"
import { resolve, type Target } from "./Target.ts"

export const optionalText = (name: string, description: string, metavar: string) =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.withMetavar(metavar),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

export const optionalInt = (name: string, description: string, metavar: string) =>
  Flag.Int(name).pipe(
    Flag.withDescription(description),
    Flag.withMetavar(metavar),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

export const yes = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

export const labels = Flag.KeyValuePair("label").pipe(
  Flag.withDescription("A label of the client, may be repeated: --label region=eu"),
  Flag.withMetavar("name=value"),
  Flag.withDefault({} as Record<string, string>)
)

export const env = Flag.String("env").pipe(
  Flag.withAlias("e"),
  Flag.withDescription("Environment; HERALD_ENV, otherwise production"),
  Flag.withMetavar("name"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const onlyEnv = Flag.String("env").pipe(
  Flag.withAlias("e"),
  Flag.withDescription("Only this environment; all otherwise"),
  Flag.withMetavar("name"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const messageOf = (description: string) =>
  Flag.String("message").pipe(
    Flag.withAlias("m"),
    Flag.withDescription(description),
    Flag.withMetavar("text"),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

export const message = messageOf("Why; kept in the history and the audit log")

export const idempotencyKey = optionalText(
  "idempotency-key",
  "Repeating a write with the same key never writes twice; random unless given",
  "text"
)

const server = GlobalFlag.Setting("server")({
  flag: optionalText("server", "REST address; HERALD_SERVER, otherwise the local server's", "url")
})
const grpc = GlobalFlag.Setting("grpc")({
  flag: optionalText(
    "grpc",
    "gRPC address, over TLS with https:// or where the server has https://; HERALD_GRPC, otherwise the local server's",
    "host:port"
  )
})
const token = GlobalFlag.Setting("token")({
  flag: optionalText("token", "API key; HERALD_TOKEN, otherwise <data>/admin-token for a local server", "token")
})
export const data = GlobalFlag.Setting("data")({
  flag: optionalText("data", "Data folder of a local server; HERALD_DATA, otherwise .herald", "folder")
})
const output = GlobalFlag.Setting("output")({
  flag: Flag.Literals("output", ["table", "json", "yaml"]).pipe(
    Flag.withAlias("o"),
    Flag.withDescription("table on a terminal, json elsewhere"),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )
})

const contextFlag = GlobalFlag.Setting("context")({
  flag: optionalText(
    "context",
    "A server by its name (herald context list); HERALD_CONTEXT, otherwise the one in use",
    "name"
  )
})

const ca = GlobalFlag.Setting("ca")({
  flag: optionalText("ca", "Authorities that are trusted, in PEM; HERALD_CA, otherwise the system's", "file")
})
const cert = GlobalFlag.Setting("cert")({
  flag: optionalText("cert", "Certificate that signs in, in PEM with those above it; HERALD_CERT", "file")
})
const certKey = GlobalFlag.Setting("cert-key")({
  flag: optionalText(
    "cert-key",
    "Its key, in PEM without a password; HERALD_CERT_KEY, otherwise in the same file",
    "file"
  )
})

const requestFlag = GlobalFlag.Setting("request")({
  flag: yes("request", "Ask for the change, so that somebody else approves it; nothing is done yet")
})

export const globalFlags = [server, grpc, token, data, contextFlag, ca, cert, certKey, output, requestFlag] as const
export type Format = "table" | "json" | "yaml"

/** OU1. Folded and block scalars change spaces at the ends of lines; texts that YAML 1.1 reads otherwise are quoted. */
const EXACT = {
  lineWidth: 0,
  blockQuote: false,
  doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
  compat: "yaml-1.1"
} as const

/** How one prints, whatever server is meant. */
export interface Printing {
  readonly format: Format
  /** For standard output and standard error. */
  readonly paint: Paint
  readonly errorPaint: Paint
  /** Characters that a table may be wide. */
  readonly room: number
  /** One result: as a table, or the data itself. */
  readonly emit: (data: unknown, asTable: (paint: Paint) => string) => Effect.Effect<void>
  /** One of many results over time: JSON a line, YAML a document. */
  readonly emitNext: (data: unknown, asTable: (paint: Paint) => string) => Effect.Effect<void>
}

export interface Invocation extends Printing {
  readonly target: Target
  /** What it changes is to wait for a second person (--request). */
  readonly asks: boolean
  readonly environment: (flag: string | undefined) => string
  readonly call: (call: Call) => ReturnType<typeof send>
}

/** The flags as they were given. */
export const given = Effect.gen(function* () {
  return {
    server: yield* server,
    grpc: yield* grpc,
    token: yield* token,
    data: yield* data,
    context: yield* contextFlag,
    ca: yield* ca,
    cert: yield* cert,
    certKey: yield* certKey
  }
})

export const printing = Effect.gen(function* () {
  const shell = yield* Shell
  const format: Format = (yield* output) ?? (shell.terminal ? "table" : "json")
  const paint = wantsColour(shell.env, shell.terminal) ? colours : plain
  const errorPaint = wantsColour(shell.env, shell.errorTerminal) ? colours : plain

  const yaml = (value: unknown) =>
    Effect.promise(() => import("yaml")).pipe(Effect.map((module) => module.stringify(value, EXACT).trimEnd()))
  const emitAs = (value: unknown, asTable: (paint: Paint) => string, stream: boolean) =>
    Effect.gen(function* () {
      if (format === "table") return yield* shell.out(asTable(paint))
      const text =
        format === "json"
          ? JSON.stringify(value, null, stream ? 0 : 2)
          : `${stream ? "---\n" : ""}${yield* yaml(value)}`
      yield* shell.out(shell.terminal ? printable(text, true) : text) // PR1
    })

  return {
    format,
    paint,
    errorPaint,
    room: shell.terminal ? shell.columns() || Number.POSITIVE_INFINITY : Number.POSITIVE_INFINITY,
    emit: (value, asTable) => emitAs(value, asTable, false),
    emitNext: (value, asTable) => emitAs(value, asTable, true)
  } satisfies Printing
})

const writes = ({ method, readOnly }: Call): boolean => method !== "GET" && readOnly !== true
const asRequest = (call: Call): Call => ({ ...call, headers: { ...call.headers, "herald-request": "yes" } })

interface Waits {
  readonly change: string
  readonly environment: string
  /** The same was asked for before, and waits. */
  readonly already?: boolean
}
const waiting = Effect.fnUntraced(function* ({ emit }: Printing, waits: Waits) {
  const [id, environment] = [printable(waits.change), printable(waits.environment)]
  yield* emit(
    waits,
    (paint) =>
      `${waits.already === true ? `waits already as ${paint.bold(id)}` : `${paint.green("requested")} ${paint.bold(id)}`} in ${environment}; nothing is done yet\n${paint.dim(`somebody else looks at it with herald change show ${id} --env ${environment}`)}`
  )
  return yield* new Told()
})

export const invocation = Effect.gen(function* () {
  const shell = yield* Shell
  const target = yield* resolve(yield* given)
  const asks = yield* requestFlag
  const print = yield* printing
  return {
    ...print,
    target,
    asks,
    environment: (flag) => flag ?? (shell.env["HERALD_ENV"] || target.environment || DEFAULT_ENVIRONMENT),
    call: (call) =>
      send(target, asks && writes(call) ? asRequest(call) : call).pipe(
        Effect.mapError((failure) => signedIn(target, failure)),
        Effect.tap(({ status, body }) => (asks && status === 202 ? waiting(print, body as Waits) : Effect.void)),
        Effect.tap(({ body }) =>
          writes(call) && call.query?.["breakGlass"] !== undefined
            ? toldReviews((more) => send(target, more), call, body)
            : Effect.void
        ),
        Effect.provideService(Shell, shell)
      )
  } satisfies Invocation
})
