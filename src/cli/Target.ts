/**
 * Which server, as whom.
 *
 *   TA1  A flag wins over the environment, the environment over what a local server wrote into its data folder.
 *   TA2  The data folder's admin token is sent to loopback addresses only.
 *   TA3  A token that a header can't carry is refused without being shown.
 */
import * as Effect from "effect/Effect"
import { wrongToken } from "../client/Bearer.ts"
import { isLoopback as isLoopbackHost } from "../net/Address.ts"
import { usage } from "./CliFailure.ts"
import { Shell } from "./Shell.ts"

export interface TargetFlags {
  readonly server: string | undefined
  readonly grpc: string | undefined
  readonly token: string | undefined
  readonly data: string | undefined
}

export interface Target {
  /** Base URL without a trailing slash. */
  readonly server: string
  /** host:port */
  readonly grpc: string
  readonly token: string | undefined
  readonly data: string
}

const filled = (...values: ReadonlyArray<string | undefined>): string | undefined =>
  values.find((value) => value !== undefined && value.trim() !== "")?.trim()

const withScheme = (address: string): string =>
  (/^https?:\/\//.test(address) ? address : `http://${address}`).replace(/\/+$/, "")

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

export const resolve = Effect.fn("Target.resolve")(function* (flags: TargetFlags) {
  const shell = yield* Shell
  const data = filled(flags.data, shell.env["HERALD_DATA"]) ?? ".herald"
  const running = parseServerFile(yield* shell.readFileIfAny(`${data}/server.json`))
  const server = withScheme(filled(flags.server, shell.env["HERALD_SERVER"], running.http) ?? "http://127.0.0.1:8080")
  const grpc = (filled(flags.grpc, shell.env["HERALD_GRPC"], running.grpc) ?? "127.0.0.1:50051").replace(
    /^[a-z]+:\/\//,
    ""
  )
  const given = filled(flags.token, shell.env["HERALD_TOKEN"])
  const kept = given === undefined && isLoopback(server) && isLoopback(grpc) // TA2
  const token = kept ? filled(yield* shell.readFileIfAny(`${data}/admin-token`)) : given
  const wrong = token === undefined ? undefined : wrongToken(token)
  if (wrong !== undefined) return yield* usage(`the token ${wrong}`, "Give --token or HERALD_TOKEN as it was printed.") // TA3
  return { server, grpc, token, data } satisfies Target
})
