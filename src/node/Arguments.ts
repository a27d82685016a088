/** Reads the command line that the server is started with. */
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { failure } from "../errors/HeraldError.ts"

export const help = (version: string) => `Herald ${version}: pushes versioned configuration to every connected client.

  npm start [-- flags]      or      npx herald start [-- flags]

  --data <folder>     where the server keeps its data; HERALD_DATA, otherwise .herald
  --config <file>     settings in YAML; HERALD_CONFIG
  --recover-admin     makes an admin's key and ends: the way back in when no token of an admin is left (docs/security.md)
  --help, --version

Settings come from the environment, then the file, then their defaults: HTTP_HOST HTTP_PORT GRPC_HOST GRPC_PORT DATABASE_URL
HERALD_PEPPER LOG_FORMAT LOG_LEVEL and more: docs/settings.md. Ctrl-C stops the server and everything it started.
`

export const flags = {
  data: { type: "string" },
  config: { type: "string" },
  "recover-admin": { type: "boolean" },
  help: { type: "boolean" },
  version: { type: "boolean" }
} as const

/** The arguments of this process. Fails `SettingsInvalid`. */
export const readArguments = Effect.try({
  try: () => parseArgs({ options: flags }).values,
  catch: (cause) => failure("SettingsInvalid", `${(cause as Error).message.split(". ")[0]}; --help lists the flags`)
})
