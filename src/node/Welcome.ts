/**
 * Tells whoever starts a server how it went: a person on the terminal, a collector in the log.
 *
 *   WM1  The banner is for a terminal, and so is a token: on a stream that is kept there is neither, only where the token's file is.
 */
import { Cause, Effect, Option } from "effect"
import { nameOf } from "../edge/grpc/Service.ts"
import { catalogue } from "../errors/Catalogue.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { grpc } from "./Node.ts"

export interface Ready {
  readonly version: string
  /** Such as `http://127.0.0.1:8080` and `127.0.0.1:50051`. */
  readonly http: string
  readonly grpc: string
  /** The data folder. */
  readonly folder: string
  readonly embedded: boolean
  /** The first admin's; undefined when there is an admin key already. */
  readonly token: string | undefined
  /** What may be read without an API key; undefined: nothing. */
  readonly open: string | undefined
}

export const say = (text: string) => Effect.sync(() => void process.stdout.write(text))

/** The same as a line of the log. Of PostgreSQL it says only whose it is, as its URL has a password. */
export const serving = ({ version, http, grpc, folder, embedded, token, open }: Ready, tokenFile: string | undefined) =>
  Effect.logInfo("Herald is serving", {
    version,
    http,
    grpc,
    data: folder,
    postgresql: embedded ? "embedded, for development" : "DATABASE_URL",
    ...(open === undefined ? {} : { open_without_a_key: open }),
    ...(token === undefined ? {} : { admin_token_in: tokenFile }),
    pid: process.pid
  })

export const welcome = ({ version, http, grpc: at, folder, embedded, token, open }: Ready) => `
  Herald ${version} is serving

    HTTP   ${http}        API reference at ${http}/docs
    gRPC   ${at}               reflection is on; it serves
${grpc.map((service) => `             ${nameOf(service)}\n`).join("")}    Data   ${folder}
${open === undefined ? "" : `    Open   ${open}, without an API key (FLAGS_ANONYMOUS)\n`}    ${embedded ? "PostgreSQL 18, embedded: for development, NOT for production. Set DATABASE_URL to a PostgreSQL of your own." : "PostgreSQL as DATABASE_URL says"}
${token === undefined ? "" : `\n  Admin token, shown once and kept in ${folder}/admin-token (the CLI on this machine finds it):\n\n    ${token}\n`}
  Next, in another terminal:

    npx herald subscribe user-service --env production
    npx herald publish user-service '{"feature":{"x":true}}' --env production --type json --message "why"
    npx herald clients
    npx herald flag create new-checkout --percentage 5 --user ann

  Ctrl-C stops everything.
`

export const stopped = Effect.logInfo("Herald has stopped")

/** `path`: where the token is kept. `terminal`: somebody reads this, and nothing keeps it. WM1 */
export const recovered = (path: string, token: string, terminal: boolean) => `
  A new admin key of recovered-admin, ${terminal ? `shown once and kept in ${path}:\n\n    ${token}` : `kept in ${path}.`}

  The audit log tells of it. Revoke the keys that were lost: herald key list, herald key revoke <id>
`

/** What to do about errors at the start: the catalogue's fixes are for callers. */
const atStart: Readonly<Record<string, string>> = {
  [catalogue.DatabaseUnavailable.code]: "Correct DATABASE_URL, or start that PostgreSQL.",
  [catalogue.Timeout.code]: "Look at the load and the locks of the database, and start again.",
  [catalogue.DatabaseReadOnly.code]: "Give the primary in DATABASE_URL, or make room on its disk."
}

const fixOf = ({ code, row }: HeraldError): string => atStart[code] ?? row.fix

/** Why the server can't start. */
export const sorry = (error: HeraldError) => `
Herald can't start: ${error.row.title} (${error.code})
  what  ${error.message}
  why   ${error.row.cause}
  fix   ${fixOf(error)}

`

/** Says why, to a person or in the log; returns the exit code. */
export const cannotStart = Effect.fnUntraced(function* (cause: Cause.Cause<HeraldError>, person: boolean) {
  const error = Cause.findErrorOption(cause)
  if (Option.isNone(error)) {
    yield* Effect.logError("a defect ends Herald", cause)
    return 1
  }
  const { code, row, message } = error.value
  if (person) yield* Effect.sync(() => void process.stderr.write(sorry(error.value)))
  else
    yield* Effect.logError("Herald can't start", {
      code,
      title: row.title,
      reason: message,
      why: row.cause,
      fix: fixOf(error.value)
    })
  return row.exit
})
