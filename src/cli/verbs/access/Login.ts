/** `herald login`, `herald logout`: signing in at the issuer that a server trusts. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Self } from "../../../edge/http/access/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { changeContexts, chosen, type HeraldContext, noContext, readContexts } from "../../Contexts.ts"
import { given, printing } from "../../Globals.ts"
import { send } from "../../Http.ts"
import { giveBack, type Offer, type Shown, signIn } from "../../Issuer.ts"
import { Shell } from "../../Shell.ts"
import { loginOf, withLogin, withoutLogin } from "../../SignedIn.ts"
import { facts, time } from "../../Table.ts"
import { isLoopback, resolve, type Target } from "../../Target.ts"

/** The context of this address, or a name for a new one. */
const nameFor = (server: string, all: Readonly<Record<string, HeraldContext>>): string => {
  const same = Object.keys(all).find((name) => all[name]!.server.replace(/\/+$/, "") === server)
  if (same !== undefined) return same
  const { hostname, port } = new URL(server)
  const host = /^[A-Za-z0-9][A-Za-z0-9.-]{0,55}$/.test(hostname) ? hostname : "herald"
  return Object.hasOwn(all, host) && port !== "" ? `${host}-${port}` : host
}

const told = ({ at, whole, code }: Shown): string => {
  const page = `open ${printable(at)}\nand type  ${printable(code)}`
  return whole === undefined ? page : `${page}\nor open ${printable(whole)} and compare the code`
}

const offered = Effect.fnUntraced(function* (target: Target) {
  const { body } = yield* send(target, { method: "GET", path: "/v1/access/login" })
  return body as Offer
})

export const login = Command.make(
  "login",
  {},
  Effect.fn("Login.login")(function* () {
    const shell = yield* Shell
    const here = yield* printing
    const flags = yield* given
    if (flags.token !== undefined) return yield* usage("a login gives a token, and takes none", "Leave --token out.")
    // Not with the context's own token, which may have ended.
    const target: Target = { ...(yield* resolve({ ...flags, token: "none" })), token: undefined }
    const { server } = target
    if (!server.startsWith("https://") && !isLoopback(server))
      return yield* usage(
        `${server} would get the token in the clear`,
        "Give an address with https://, or one of this machine."
      )
    const named = flags.server === undefined && !shell.env["HERALD_SERVER"] ? target.context : undefined
    const offer = yield* offered(target)
    yield* shell.progress(`signing in to ${printable(server)} at ${printable(offer.issuer)}`)
    const tokens = yield* signIn(offer, (shown) => shell.progress(told(shown)))
    const { body } = yield* send({ ...target, token: tokens.token }, { method: "GET", path: "/v1/access/whoami" }).pipe(
      Effect.tapError(() => Effect.ignore(giveBack(offer, tokens)))
    )
    const self = body as Self
    const saved = yield* changeContexts(({ current, all, besides }) => {
      const name = named ?? flags.context ?? nameFor(server, all)
      const grpc = flags.grpc ?? (isLoopback(server) ? target.grpc : undefined)
      const before = Object.hasOwn(all, name) ? all[name]! : { server, ...(grpc === undefined ? {} : { grpc }) }
      const next = { ...all, [name]: withLogin({ ...before, server }, offer, tokens) }
      const contexts = { current: current ?? name, all: next, ...(besides === undefined ? {} : { besides }) }
      return Effect.succeed([contexts, { name, used: contexts.current === name }] as const)
    })
    const { name, used } = saved.told
    const found = { context: name, name: self.name, called: self.called, role: self.role, until: tokens.until }
    yield* here.emit(found, (paint) =>
      facts(
        [
          ["signed in as", self.name],
          ["called", self.called ?? ""],
          ["role", `${self.role} in ${self.environments.join(", ")}`],
          ["context", used ? name : `${name}; use it: herald context use ${name}`],
          ["until", tokens.refresh === undefined ? time(tokens.until) : "renewed by itself"]
        ],
        paint
      )
    )
  })
).pipe(
  Command.withDescription(
    "Sign in at the issuer that the server trusts, in any browser by a code; the token is kept in the context (0600) and renewed by itself"
  ),
  Command.withShortDescription("Sign in at the server's issuer"),
  Command.withExamples([
    { command: "herald login --server https://herald.example.org", description: "Makes a context of that name" },
    { command: "herald login --context production", description: "Again, for a context that is there" }
  ])
)

export const logout = Command.make(
  "logout",
  {},
  Effect.fn("Login.logout")(function* () {
    const shell = yield* Shell
    const { context } = yield* given
    const found = yield* chosen(context)
    if (found === undefined) return yield* noContext("in use", Object.keys((yield* readContexts()).all))
    const { name } = found
    // As it is now: another process may have renewed it.
    const { told: was } = yield* changeContexts((contexts) => {
      const one = contexts.all[name] ?? found
      const next = loginOf(one) === undefined ? one : withoutLogin(one)
      return Effect.succeed([{ ...contexts, all: { ...contexts.all, [name]: next } }, one] as const)
    })
    const its = loginOf(was)
    if (its === undefined)
      return yield* usage(`the context ${name} has no login`, "See which have: herald context list")
    yield* shell.progress(`signed out of ${name}`)
    yield* giveBack(its, { token: was.token ?? "", refresh: its.refresh })
  })
).pipe(
  Command.withDescription("Forget the context's login, and have the issuer take its token back where it can"),
  Command.withShortDescription("Sign out"),
  Command.withExamples([{ command: "herald logout --context production", description: "The context stays" }])
)
