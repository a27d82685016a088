/**
 * `--wait`: until those who should have a change have it.
 *
 *   AW1  It ends well when every connected client that subscribes to a changed key applied the change or something later; with exit code 8
 *        as soon as one rejected it or can't be sent it; with 9 when the time is over. The change stays in each case.
 *   AW2  What is asked again and again is counted by the server: it costs the same however many clients there are to show.
 *   AW4  Clients that subscribe to it and are away, as all are just after a restart, are not waited for: the last line says how many there are.
 *   AW5  A change of an environment's variables is a change of each template that is made with them: their clients are waited for, and what
 *        takes it back is the variables' version.
 *   AW3  Whoever leaves is told where to look; that the server is away meanwhile ends nothing.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Heads } from "../../../edge/http/configuration/Wire.ts"
import type { Client } from "../../../edge/http/fleet/Wire.ts"
import { VARIABLES_KEY } from "../../../keys/Key.ts"
import { spanOf } from "../../../text/Amounts.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, render, usage } from "../../CliFailure.ts"
import { formerOf } from "../../Former.ts"
import { type Invocation, optionalText, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { cutLine } from "../../Table.ts"
import { summed } from "./Summed.ts"

export const waitFlags = {
  wait: yes(
    "wait",
    "Stay until every connected client that should have it applied it, or one rejected it (exit code 8)"
  ),
  timeout: optionalText("timeout", "How long --wait waits: 90s, 2m, 1h; 2m unless given (exit code 9)", "span")
}

/** Undefined: nobody waits. Asked before anything is written. */
export const waitingOf = Effect.fnUntraced(function* ({
  wait,
  timeout
}: {
  readonly wait: boolean
  readonly timeout: string | undefined
}) {
  if (!wait)
    return timeout === undefined
      ? undefined
      : yield* usage("--timeout is of no use without --wait", "Give both, or none.")
  const span = spanOf(timeout ?? "2m")
  if (typeof span === "string") return yield* usage(`--timeout: ${span}`, "Write 90s, 2m or 1h30m.")
  return span
})

/** What was committed at one key. */
export interface Committed {
  readonly key: string
  readonly environment: string
  readonly version: number
  readonly revision: number
  readonly epoch: string
  /** The variables whose change made this one. AW5 */
  readonly by?: Committed
}

/** Templates of an environment that are asked for at once. */
const PAGE = 1_000

/** The templates that a change of the variables changes. AW5 */
export const templatesOf = Effect.fnUntraced(function* (here: Invocation, by: Committed) {
  const { environment, revision, epoch } = by
  const found: Array<Committed> = []
  for (let after: string | undefined, more = true; more; ) {
    const query = { environment, only: "template", limit: PAGE, after }
    const { body } = yield* here.call({ method: "GET", path: "/v1/config", query })
    const { keys, next } = body as Heads
    for (const { key, version } of keys) found.push({ key, environment, version, revision, epoch, by })
    after = next ?? undefined
    more = next !== null
  }
  return found
})

export interface Reached {
  readonly clients: number
  readonly applied: number
  readonly rejected: number
  readonly problem: number
  readonly pending: number
  /** Known clients that are not connected. AW4 */
  readonly away: number
}

const nobody: Reached = { clients: 0, applied: 0, rejected: 0, problem: 0, pending: 0, away: 0 }
const plus = (a: Reached, b: Reached): Reached => ({
  clients: a.clients + b.clients,
  applied: a.applied + b.applied,
  rejected: a.rejected + b.rejected,
  problem: a.problem + b.problem,
  pending: a.pending + b.pending,
  away: a.away + b.away
})

export const reachedOf = Effect.fnUntraced(function* (
  here: Invocation,
  { key, environment, revision, epoch }: Committed
) {
  const services = yield* summed(here, { environment, key, revision, epoch })
  return services
    .flatMap(({ keys, away }) => [...keys.map((one) => ({ ...one, away: 0 })), { ...nobody, away }])
    .reduce<Reached>(plus, nobody)
})

/** Keys that are asked for in one round. */
const TOGETHER = 20
/** Clients that are named. */
const NAMED = 5

/** "187/200 applied, 2 rejected, 11 to go" */
export const progressOf = ({ clients, applied, rejected, problem, pending }: Omit<Reached, "away">): string =>
  [
    `${applied}/${clients} applied`,
    ...(rejected > 0 ? [`${rejected} rejected`] : []),
    ...(problem > 0 ? [`${problem} can't be sent it`] : []),
    ...(pending > 0 ? [`${pending} to go`] : [])
  ].join(", ")

/** What is waited for, in a few words. AW5 */
const whatOf = ({ key }: Committed, written: number, made: number): string =>
  `${printable(key)}${written > 1 ? " and the others" : ""}${made === 0 ? "" : made === 1 ? " and the template made with it" : ` and the ${made} templates made with it`}`

/** The last line where all went well. AW4 */
const endOf = ({ clients, away }: Reached, what: string, keys: number, span: number): string => {
  const many = keys > 1 ? "; some known ones are away" : `; ${away} known ones are away`
  const gone = away === 0 ? "" : away === 1 ? "; 1 known one is away" : many
  if (clients === 0) return `no connected client subscribes to ${what}${gone}`
  const all = clients === 1 ? "the one client" : `all ${clients} clients`
  // Who has several of the keys is counted with each.
  const one = away === 0 ? all : `${clients} of ${clients} connected`
  const who = keys === 1 ? one : `every connected client of ${what}`
  return `applied by ${who} in ${(span / 1_000).toFixed(1)} s${gone}`
}

const reasonsOf = Effect.fnUntraced(
  function* (here: Invocation, { key, environment }: Committed) {
    const query = { environment, key, rejected: true, connected: true, limit: NAMED }
    const { body } = yield* here.call({ method: "GET", path: "/v1/clients", query })
    return (body as { readonly clients: ReadonlyArray<Client> }).clients.flatMap(({ service, instance, keys }) =>
      keys
        .filter((one) => one.rejected !== null || one.problem !== "")
        .map((one) => `${service}/${instance}: ${one.rejected?.reason || one.problem || "no reason given"}`)
    )
  },
  Effect.catchTag("CliFailure", () => Effect.succeed<ReadonlyArray<string>>([]))
)

/** What to type to see more. */
const lookAt = ({ key, environment }: Committed): string => `herald clients --key ${key} --env ${environment}`

const failed = (title: string, what: string, why: string, fix: string, exit: number) =>
  new CliFailure({ code: "", title, what, why, fix, exit, trace: "", retryable: false, retryAfter: 0 })

const pause = (elapsed: number): number => (elapsed < 10_000 ? 300 : 1_000)

/** AW1. `tell` is given what was reached, before it fails too. */
export const waitFor = Effect.fn("Wait.waitFor")(function* (
  here: Invocation,
  changes: ReadonlyArray<Committed>,
  timeout: number,
  tell: (reached: Reached) => Effect.Effect<void>
) {
  const shell = yield* Shell
  const first = changes[0]
  if (first === undefined) return
  const start = yield* Clock.currentTimeMillis
  const done = new Map<Committed, Reached>()
  let open = [...changes]
  /** Whose templates are not known yet. AW5 */
  const variables = changes.filter(({ key }) => key === VARIABLES_KEY)
  let made = 0
  let [said, down] = ["", false]
  const show = (line: string) => {
    if (shell.errorTerminal) return shell.live(cutLine(printable(line), shell.columns() - 1))
    if (line === said) return Effect.void
    said = line
    return shell.progress(printable(line))
  }
  const clear = shell.errorTerminal ? shell.live("") : Effect.void

  const loop = Effect.gen(function* () {
    while (true) {
      const elapsed = (yield* Clock.currentTimeMillis) - start
      yield* Effect.sleep(pause(elapsed))
      let total = [...done.values()].reduce(plus, nobody)
      let lost: Committed | undefined
      const round = yield* Effect.result(
        Effect.gen(function* () {
          for (let by = variables[0]; by !== undefined; by = variables[0]) {
            const written = new Set(changes.filter((one) => one.environment === by!.environment).map(({ key }) => key))
            const more = (yield* templatesOf(here, by)).filter(({ key }) => !written.has(key))
            made += more.length
            open.push(...more)
            variables.shift()
          }
          for (const one of open.slice(0, TOGETHER)) {
            const reached = yield* reachedOf(here, one)
            total = plus(total, reached)
            if (reached.rejected + reached.problem > 0) lost ??= one
            if (reached.pending === 0) done.set(one, reached)
          }
        })
      )
      open = open.filter((one) => !done.has(one))
      if (round._tag === "Failure") {
        if (!round.failure.retryable) return yield* round.failure
        if (!down)
          yield* Effect.andThen(clear, shell.progress(`${render(round.failure, here.errorPaint)}\nwaiting for it …`)) // AW3
        down = true
      } else {
        down = false
        const reasons = lost === undefined ? [] : yield* reasonsOf(here, lost)
        const also = open.length > TOGETHER ? `, ${open.length - TOGETHER} keys not yet looked at` : ""
        const line = `${progressOf(total)}${also}${reasons.length === 0 ? "" : `: ${reasons[0]}`}`
        yield* show(line)
        if (lost !== undefined) {
          yield* clear
          yield* tell(total)
          const { key, version, environment } = lost.by ?? lost
          const former = yield* formerOf(here, environment, key, version)
          const back = former > 0 ? `herald rollback ${key} --to ${former} --env ${environment}` : ""
          const what = lost.by === undefined ? "" : `, made with version ${version} of ${key}`
          return yield* failed(
            "A client did not take it",
            [`${lost.key} version ${lost.version}${what}: ${progressOf(total)}`, ...reasons].join("\n"),
            "It was committed, and stays: those who applied it run it.",
            [...(back === "" ? [] : [`take it back: ${back}`]), `see who: ${lookAt(lost)} --rejected`].join("\n"),
            8
          )
        }
        if (open.length === 0) {
          yield* clear
          yield* tell(total)
          const what = whatOf(first, changes.length, made)
          const span = (yield* Clock.currentTimeMillis) - start
          return yield* shell.progress(endOf(total, what, changes.length + made, span))
        }
      }
      if ((yield* Clock.currentTimeMillis) - start >= timeout) {
        yield* clear
        yield* tell(total)
        return yield* failed(
          "The time of --wait is over",
          `after ${timeout / 1_000} s: ${progressOf(total)}`,
          "It was committed, and stays: those who are yet to answer get it as soon as they can.",
          `see who: ${lookAt(open[0] ?? first)} --lagging`,
          9
        )
      }
    }
  })
  yield* loop.pipe(
    Effect.onInterrupt(() =>
      Effect.andThen(
        clear,
        shell.progress(`it was committed, and goes on without you; look with: ${lookAt(open[0] ?? first)}`)
      )
    )
  )
})
