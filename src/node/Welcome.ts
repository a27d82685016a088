/** What a person who starts a server reads on the terminal. */
import { Effect } from "effect"
import { nameOf } from "../edge/grpc/Service.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { grpc } from "./Node.ts"

export interface Ready {
  readonly version: string
  /** Such as `http://127.0.0.1:8080` and `127.0.0.1:50051`. */
  readonly http: string
  readonly grpc: string
  /** Of its data. */
  readonly folder: string
  readonly embedded: boolean
  /** Undefined: the first admin has one. */
  readonly token: string | undefined
}

export const say = (text: string) => Effect.sync(() => void process.stdout.write(text))

export const welcome = ({ version, http, grpc: at, folder, embedded, token }: Ready) => `
  Herald ${version} is serving

    HTTP   ${http}        API reference at ${http}/docs
    gRPC   ${at}               ${grpc.map(nameOf).join(", ")}, reflection is on
    Data   ${folder}
    ${embedded ? "PostgreSQL 18, embedded: for development, NOT for production. Set DATABASE_URL to a PostgreSQL of your own." : "PostgreSQL as DATABASE_URL says"}
${token === undefined ? "" : `\n  Admin token, shown once and kept in ${folder}/admin-token (the CLI on this machine finds it):\n\n    ${token}\n`}
  Next, in another terminal:

    npx herald subscribe user-service --env production
    npx herald publish user-service '{"feature":{"x":true}}' --env production --type json --message "why"
    npx herald clients

  Ctrl-C stops everything.
`

/** `path`: where the token is kept. */
export const recovered = (path: string, token: string) => `
  A new admin key of recovered-admin, shown once and kept in ${path}:

    ${token}

  The audit log tells of it. Revoke the keys that were lost: herald key list, herald key revoke <id>
`

/** Why the server can't start. */
export const sorry = ({ code, row, message }: HeraldError) => `
Herald can't start: ${row.title} (${code})
  what  ${message}
  why   ${row.cause}
  fix   ${row.fix}

`
