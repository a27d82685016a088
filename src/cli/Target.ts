/**
 * Which server, as whom.
 *
 *   TA1  A flag wins over the environment, the environment over the context that is used, the context over what a local server wrote into
 *        its data folder. Where a data folder is named, its server is meant and no context.
 *   TA2  The data folder's admin token is sent to loopback addresses only.
 *   TA4  Where the server's address says TLS, the gRPC address is spoken to over TLS as well, unless it says http://: no token goes in the
 *        clear to a host because its address was written without a scheme. On this machine, as behind a tunnel, the address says it itself.
 *   TA7  A flag that is given and empty stands for nothing: no other token, server or environment takes its place.
 *   TA5  Where there is no token to send though a context is used, it is known what gives the context one.
 *   TA6  An authority and a certificate hold for both doors. A context's are for the context's addresses only, as its token is; who names a certificate
 *        is that one, and the data folder's admin token is left where it is.
 *   TA3  A token that a header can't carry is refused without being shown.
 */
import * as Effect from "effect/Effect"
import { wrongToken } from "../client/Bearer.ts"
import { isLoopback as isLoopbackHost } from "../net/Address.ts"
import { usage } from "./CliFailure.ts"
import { chosen, type HeraldContext } from "./Contexts.ts"
import { Shell } from "./Shell.ts"
import { currentToken } from "./SignedIn.ts"
import { readTls, type Secured } from "./Tls.ts"

export interface TargetFlags {
  readonly server: string | undefined
  readonly grpc: string | undefined
  readonly token: string | undefined
  readonly data: string | undefined
  readonly context?: string | undefined
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly certKey?: string | undefined
}

export interface Target {
  /** Base URL without a trailing slash. */
  readonly server: string
  /** host:port */
  readonly grpc: string
  /** gRPC is spoken over TLS, with what `secured` has. TA4 */
  readonly tls?: true | Secured
  /** What TLS is spoken with at both doors. TA6 */
  readonly secured?: Secured
  readonly token: string | undefined
  readonly data: string
  /** Of verbs that name none, where the context says so. */
  readonly environment?: string | undefined
  readonly context?: string | undefined
  /** What to do where the server asks for a token and a context gave none. TA5 */
  readonly tokenless?: string | undefined
}

const filled = (...values: ReadonlyArray<string | undefined>): string | undefined =>
  values.find((value) => value !== undefined && value.trim() !== "")?.trim()

const withScheme = (address: string): string =>
  (/^[a-z][a-z0-9+.-]*:\/\//.test(address) ? address : `http://${address}`).replace(/\/+$/, "")

const hostOf = (address: string): string => URL.parse(withScheme(address))?.hostname.replace(/^\[|\]$/g, "") ?? ""

export const isLoopback = (address: string): boolean => isLoopbackHost(hostOf(address))

/** What a running server says about itself in `<data>/server.json`. */
export const parseServerFile = (content: string | undefined): { http?: string; grpc?: string } => {
  if (content === undefined) return {}
  try {
    const parsed: unknown = JSON.parse(content)
    if (typeof parsed !== "object" || parsed === null) return {}
    const { http, grpc } = parsed as Record<string, unknown>
    return { ...(typeof http === "string" ? { http } : {}), ...(typeof grpc === "string" ? { grpc } : {}) }
  } catch {
    return {}
  }
}

/** TA4 */
const isSecure = (grpc: string, server: string, running: ReturnType<typeof parseServerFile>): boolean => {
  if (/^[a-z]+:\/\//.test(grpc)) return /^(https|grpcs):\/\//.test(grpc)
  if (grpc === running.grpc) return running.http?.startsWith("https://") === true
  return server.startsWith("https://") && (!isLoopback(grpc) || hostOf(grpc) === hostOf(server))
}

/** A word of a command that can be copied into a shell. */
const quoted = (word: string): string =>
  /^[\w./:@%+,=[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** TA5 */
const tokenlessOf = (context: HeraldContext & { readonly name: string }, own: boolean, data: string): string => {
  const { name, server, grpc, env } = context
  if (!own)
    return `The context ${name} keeps its token for its own addresses: give --token or HERALD_TOKEN for this one, or leave --server and --grpc out.`
  const file = isLoopback(server) ? `${data}/admin-token` : "<file>"
  const words = [
    ["--server", server],
    grpc === undefined ? [] : ["--grpc", grpc],
    env === undefined ? [] : ["--env", env]
  ]
  const add = words.flat().map(quoted).join(" ")
  return `The context ${name} has no token. Give it one: herald context add ${name} ${add} --token-file ${file}`
}

export const resolve = Effect.fn("Target.resolve")(function* (flags: TargetFlags) {
  const shell = yield* Shell
  const folder = filled(flags.data, shell.env["HERALD_DATA"])
  const data = folder ?? ".herald"
  const running = parseServerFile(yield* shell.readFileIfAny(`${data}/server.json`))
  const [http, stream] = [
    filled(flags.server, shell.env["HERALD_SERVER"]),
    filled(flags.grpc, shell.env["HERALD_GRPC"])
  ]
  const said = filled(flags.token, shell.env["HERALD_TOKEN"])
  const named = filled(flags.context, shell.env["HERALD_CONTEXT"])
  const context = folder === undefined || named !== undefined ? yield* chosen(named) : undefined
  const server = withScheme(http ?? context?.server ?? running.http ?? "http://127.0.0.1:8080")
  const beside =
    context === undefined
      ? (running.grpc ?? "127.0.0.1:50051")
      : `${new URL(withScheme(context.server)).hostname}:50051`
  const written = stream ?? context?.grpc ?? beside
  const grpc = written.replace(/^[a-z]+:\/\//, "").replace(/\/+$/, "")
  const its = context === undefined ? {} : { environment: context.env, context: context.name }
  const kept: Partial<HeraldContext> =
    context === undefined || http !== undefined || stream !== undefined ? {} : context // CX2
  const [ca, cert, key] = [
    filled(flags.ca, shell.env["HERALD_CA"], kept.ca),
    filled(flags.cert, shell.env["HERALD_CERT"], kept.cert),
    filled(flags.certKey, shell.env["HERALD_CERT_KEY"], kept.key)
  ]
  const secured = yield* readTls({ ca, cert, key }) // TA6
  const tls = {
    ...(isSecure(written, server, running) ? { tls: secured ?? true } : {}),
    ...(secured === undefined ? {} : { secured })
  }
  const own = said === undefined && context !== undefined && http === undefined && stream === undefined // CX2
  const local = said === undefined && !own && cert === undefined && isLoopback(server) && isLoopback(grpc) // TA2
  const token = own
    ? yield* currentToken(context)
    : local
      ? filled(yield* shell.readFileIfAny(`${data}/admin-token`))
      : said
  const wrong = token === undefined ? undefined : wrongToken(token)
  if (wrong !== undefined) return yield* usage(`the token ${wrong}`, "Give --token or HERALD_TOKEN as it was printed.") // TA3
  const bare =
    context === undefined || token !== undefined || cert !== undefined
      ? {}
      : { tokenless: tokenlessOf(context, own, data) }
  return { server, grpc, token, data, ...tls, ...its, ...bare } as Target
})
