/**
 * `herald __complete -- <words>`: what only a server knows of the word that is being typed, for the scripts of `herald completion`.
 *
 *   TB1  It prints candidates or nothing, and nothing else: a shell is no place for an error.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { ApiKey } from "../../../edge/http/access/Wire.ts"
import type { Environments, Heads } from "../../../edge/http/configuration/Wire.ts"
import type { Client } from "../../../edge/http/fleet/Wire.ts"
import { DEFAULT_ENVIRONMENT } from "../../../keys/Environment.ts"
import { readContexts } from "../../Contexts.ts"
import { Retries, send } from "../../Http.ts"
import { Shell } from "../../Shell.ts"
import { resolve, type Target } from "../../Target.ts"

export type Kind = "keys" | "environments" | "services" | "instances" | "contexts" | "principals"

/** Flags that no value follows. */
const alone = new Set(
  "help h strict no-strict dry-run wait raw watch connected rejected lagging follow add yes use token-stdin prune parts all force".split(
    " "
  )
)
/** What the value of a flag is. */
const ofFlag: Readonly<Record<string, Kind>> = {
  env: "environments",
  e: "environments",

  service: "services",
  instance: "instances",
  key: "keys",
  context: "contexts"
}
/** The same, of one verb alone. */
const ofFlagOf: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  promote: { from: "environments", to: "environments" },
  compare: { with: "environments" }
}
/** What the first word behind a verb is. */
const ofVerb: Readonly<Record<string, Kind>> = {
  subscribe: "services",
  "context use": "contexts",
  "context show": "contexts",
  "context rename": "contexts",
  "context remove": "contexts",
  "key revoke": "principals",
  "key rotate": "principals",
  ...Object.fromEntries(
    "get publish edit validate rollback delete history diff explain list promote compare"
      .split(" ")
      .map((verb) => [verb, "keys" as const])
  )
}
const nested = new Set(["context", "key", "audit", "release", "env"])

export interface Asked {
  readonly kind: Kind
  /** How much of it has been typed. */
  readonly prefix: string
  readonly flags: Readonly<Record<string, string>>
}

const nameOf = (word: string): string => word.replace(/^--?/, "")

/** What the last word may be, where a server or a file knows. Pure. */
export const askedOf = (words: ReadonlyArray<string>): Asked | undefined => {
  const prefix = words.at(-1) ?? ""
  const flags: Record<string, string> = {}
  const plain: Array<string> = []
  let open: string | undefined
  for (const word of words.slice(0, -1)) {
    if (open !== undefined) {
      flags[open] = word
      open = undefined
    } else if (word.startsWith("-") && word.length > 1) {
      const [name = "", value] = nameOf(word).split("=", 2)
      if (value !== undefined) flags[name] = value
      else if (!alone.has(name)) open = name
    } else plain.push(word)
  }
  const [verb = "", second = ""] = plain
  const kind =
    open === undefined
      ? prefix.startsWith("-") || plain.length !== (nested.has(verb) ? 2 : 1)
        ? undefined
        : ofVerb[nested.has(verb) ? `${verb} ${second}` : verb]
      : (ofFlagOf[verb]?.[open] ?? ofFlag[open])
  return kind === undefined ? undefined : { kind, prefix, flags }
}

const MOST = 500

const lookUp = Effect.fnUntraced(function* (target: Target, { kind, prefix, flags }: Asked) {
  const shell = yield* Shell
  if (kind === "contexts") return Object.keys((yield* readContexts()).all)
  const ask = (path: string, query: Record<string, string | number | undefined> = {}) =>
    send(target, { method: "GET", path, query, patient: false })
  if (kind === "environments")
    return ((yield* ask("/v1/environments")).body as Environments).environments.map((one) => one.environment)
  if (kind === "principals") {
    const { keys } = (yield* ask("/v1/keys")).body as { readonly keys: ReadonlyArray<ApiKey> }
    return keys.filter(({ revokedAt }) => revokedAt === null).flatMap(({ id, name }) => [id, name])
  }
  const environment =
    flags["env"] ??
    flags["e"] ??
    flags["from"] ??
    (shell.env["HERALD_ENV"] || target.environment || DEFAULT_ENVIRONMENT)
  if (kind === "keys")
    return ((yield* ask("/v1/config", { environment, prefix, limit: MOST })).body as Heads).keys.map(({ key }) => key)
  const { clients } = (yield* ask("/v1/clients", {
    environment: flags["env"] ?? flags["e"],
    service: kind === "instances" ? flags["service"] : undefined,
    limit: MOST,
    keys: 1
  })).body as { readonly clients: ReadonlyArray<Client> }
  return clients.map(({ service, instance }) => (kind === "services" ? service : instance))
})

export const candidates = Command.make(
  "__complete",
  {
    words: Argument.String("words").pipe(Argument.withDescription("The words of the line so far"), Argument.variadic())
  },
  Effect.fn("Candidates.run")(function* ({ words }) {
    const shell = yield* Shell
    const asked = askedOf(words)
    if (asked === undefined) return
    const { server, grpc, token, data, context, ca, cert } = asked.flags
    const found = yield* resolve({
      server,
      grpc,
      token,
      data,
      context,
      ca,
      cert,
      certKey: asked.flags["cert-key"]
    }).pipe(
      Effect.flatMap((target) => lookUp(target, asked)),
      Effect.provideService(Retries, { within: 0, first: 1, timeout: 2_000 }),
      Effect.catchCause(() => Effect.succeed<ReadonlyArray<string>>([])) // TB1
    )
    // A name with a space or a sign of the shell's would be read as something else.
    const fitting = [...new Set(found)].filter((one) => one.startsWith(asked.prefix) && /^[\w./:@%+-]+$/.test(one))
    if (fitting.length > 0) yield* shell.out(fitting.sort().join("\n"))
  })
).pipe(Command.withDescription("Candidates for the scripts of herald completion"), Command.unlisted)
