/**
 * `herald doctor`: whether this command reaches a server that works, one check after the other, each with what to do.
 *
 *   DO1  Every check ends, whatever answers at the address: what one can't find out it says, and the next goes on.
 *   DO2  Exit code 7 when something is wrong, 0 when all is well or only worth a look.
 */

import * as Context from "effect/Context"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import packageJson from "../../../../package.json" with { type: "json" }
import { plainly } from "../../../net/Reason.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, stranger } from "../../CliFailure.ts"
import { type Invocation, invocation } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { isLoopback, type Target } from "../../Target.ts"
import { healthOf } from "./Health.ts"

type Verdict = "ok" | "look" | "wrong"
interface Check {
  readonly check: string
  readonly verdict: Verdict
  readonly found: string
  readonly fix: string
}

const ok = (check: string, found: string): Check => ({ check, verdict: "ok", found, fix: "" })
const look = (check: string, found: string, fix: string): Check => ({ check, verdict: "look", found, fix })
const wrong = (check: string, found: string, fix: string): Check => ({ check, verdict: "wrong", found, fix })
const refused = (check: string, { title, what, fix }: CliFailure): Check =>
  wrong(check, what === "" ? title : `${title}: ${what}`, fix)

/** Milliseconds that two clocks may differ; the header `date` counts whole seconds. */
const CLOCKS = 5_000
const TIMEOUT = 5_000

/** Whether gRPC answers, and what not. Loaded only by those who ask. */
export const AskGrpc = Context.Reference<(target: Target) => Promise<string | undefined>>("herald/cli/AskGrpc", {
  defaultValue: () => async (target) => {
    const { GrpcDial } = await import("../../../client/GrpcDial.ts")
    const client = new GrpcDial({ tls: target.tls }).client(target.grpc)
    const raw = (bytes: Buffer): Buffer => bytes
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        raw,
        raw,
        Buffer.alloc(0),
        { deadline: Date.now() + TIMEOUT },
        (error) => {
          client.close()
          // Any answer of gRPC's own is one: a server may leave health checks out.
          const silent = error !== null && (error.code === 14 || error.code === 4)
          resolve(silent ? error.details : undefined)
        }
      )
    })
  }
})

const major = (version: string): string => version.split(".").slice(0, 2).join(".")

const checks: (here: Invocation) => Effect.Effect<ReadonlyArray<Check>, never, Shell> = Effect.fnUntraced(function* (
  here: Invocation
) {
  const shell = yield* Shell
  const { target } = here
  const found: Array<Check> = []
  const from = target.context === undefined ? "" : ` (context ${target.context})`

  const health = yield* Effect.result(healthOf(here))
  if (health._tag === "Failure") {
    found.push(refused("reach", health.failure))
  } else {
    const { status, degraded, version, date } = health.success
    const herald = status !== "unknown"
    found.push(
      herald
        ? ok("reach", `Herald answers at ${target.server}${from}`)
        : wrong(
            "reach",
            `what answers at ${target.server} is not Herald`,
            "Correct --server, HERALD_SERVER or the context."
          )
    )
    if (herald) {
      found.push(
        status === "ready"
          ? ok("readiness", "ready")
          : wrong(
              "readiness",
              `${status}: its database does not confirm that it has the newest`,
              "Look at PostgreSQL and at the server's log; clients keep what they have meanwhile."
            )
      )
      const without = degraded.filter((one) => one !== "postgresql")
      found.push(
        without.length === 0
          ? ok("dependencies", degraded.length === 0 ? "none is missed" : "no other is missed")
          : look(
              "dependencies",
              `it goes on without ${without.join(", ")}`,
              "Bring them back; nothing is lost meanwhile."
            )
      )
      found.push(
        version === undefined
          ? look(
              "version",
              `this is ${packageJson.version}; the server does not say its own`,
              "It is older: update it."
            )
          : major(version) === major(packageJson.version)
            ? ok("version", `server ${version}, this ${packageJson.version}`)
            : look(
                "version",
                `server ${version}, this ${packageJson.version}`,
                "Use the same minor version on both sides."
              )
      )
      const theirs = Date.parse(date)
      if (!Number.isNaN(theirs)) {
        const apart = Math.round((yield* shell.now) - theirs)
        found.push(
          Math.abs(apart) <= CLOCKS
            ? ok("clock", "this machine and the server agree")
            : look(
                "clock",
                `this machine is ${Math.round(Math.abs(apart) / 1_000)} s ${apart > 0 ? "ahead" : "behind"}`,
                "Set both by NTP: ages and expiry are told by these clocks."
              )
        )
      }
      if (target.token === undefined) {
        found.push(
          wrong(
            "token",
            "none is given",
            "Give HERALD_TOKEN or a context; with no admin's token left: herald key recover, on the server's host."
          )
        )
      } else {
        const may = yield* Effect.result(here.call({ method: "GET", path: "/v1/environments", patient: false }))
        found.push(may._tag === "Success" ? ok("token", "the server knows it") : refused("token", may.failure))
      }
    }
  }
  if (!target.server.startsWith("https://")) {
    found.push(
      isLoopback(target.server)
        ? ok("tls", "not needed on this machine")
        : look(
            "tls",
            `${target.server} is not encrypted: the token can be read on the way`,
            "Use https:// (docs/production.md)."
          )
    )
  } else if (health._tag === "Success") {
    found.push(ok("tls", "the server's certificate is trusted"))
  } else {
    found.push(look("tls", "not known: the server was not reached", "Mend reach first."))
  }
  const ask = yield* AskGrpc
  const grpc = yield* Effect.promise(() =>
    ask(target).catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
  )
  const other = grpc === undefined ? undefined : stranger(target.grpc, grpc)
  found.push(
    grpc === undefined
      ? ok("grpc", `gRPC answers at ${target.grpc}`)
      : other !== undefined
        ? refused("grpc", other)
        : wrong(
            "grpc",
            `${target.grpc}: ${plainly(grpc)}`,
            "Correct --grpc, HERALD_GRPC or the context; a firewall must let its port through, clients come by it."
          )
  )
  return found
})

const words: Record<Verdict, string> = { ok: "ok", look: "look", wrong: "wrong" }

export const doctor = Command.make(
  "doctor",
  {},
  Effect.fn("Doctor.run")(function* () {
    const here = yield* invocation
    const found = yield* checks(here)
    const bad = found.filter(({ verdict }) => verdict === "wrong")
    yield* here.emit({ ok: bad.length === 0, checks: found }, (paint) => {
      const colour = { ok: paint.green, look: paint.yellow, wrong: paint.red }
      return found
        .map(({ check, verdict, found, fix }) => {
          const line = `${colour[verdict](words[verdict].padEnd(5))}  ${check.padEnd(12)}  ${printable(found)}`
          return fix === "" ? line : `${line}\n${" ".repeat(21)}${paint.dim(`fix  ${printable(fix)}`)}`
        })
        .join("\n")
    })
    if (bad.length === 0) return
    return yield* new CliFailure({
      code: "",
      title: bad.length === 1 ? "One thing is wrong" : `${bad.length} things are wrong`,
      what: bad.map(({ check }) => check).join(", "),
      why: "",
      fix: "See above.",
      exit: 7,
      trace: "",
      retryable: false,
      retryAfter: 0
    })
  })
).pipe(
  Command.withDescription(
    "Check that this command reaches a server that works: address, readiness, versions, clocks, token, TLS, gRPC; each with what to do"
  ),
  Command.withShortDescription("Check the way to a server"),
  Command.withExamples([
    { command: "herald doctor", description: "Exit code 7 if something is wrong" },
    { command: "herald doctor --context production --output json", description: "For a monitor" }
  ])
)
