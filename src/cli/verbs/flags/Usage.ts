/** `herald flag usage|stale`: who evaluates a flag, and which nobody needs any more. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { FlagUsage, FlagUse, FlagUses, StaleFlags } from "../../../edge/http/usage/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure } from "../../CliFailure.ts"
import { env, type Invocation, invocation, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { ago, facts, table } from "../../Table.ts"
import { pathOf } from "./Changing.ts"

const days = Flags.Int("days").pipe(
  Flags.withDescription("Look so many days back; 30 unless given"),
  Flags.withMetavar("n"),
  Flags.withDefault(30)
)

/** When it was evaluated last, for people. */
export const evaluated = (use: FlagUse | undefined, now: number): string => {
  if (use?.lastEvaluatedAt != null) return ago(use.lastEvaluatedAt, now)
  return use?.lastGivenAt != null ? `with all, ${ago(use.lastGivenAt, now)}` : "never"
}

/** By flag, of those whose names begin with `prefix`, up to `until`. Undefined: the server can't tell, as it knows flags without its database. */
export const lastUses = (here: Invocation, environment: string, prefix: string, until: string) =>
  Effect.orElseSucceed(pagesOfUses(here, environment, prefix, until), () => undefined)

const pagesOfUses = Effect.fnUntraced(function* (here: Invocation, environment: string, prefix: string, until: string) {
  const found = new Map<string, FlagUse>()
  let after: string | undefined
  do {
    const query = { environment, prefix, after }
    const page = (yield* here.call({ method: "GET", path: "/v1/flag-usage", query })).body as FlagUses
    for (const one of page.uses) found.set(one.flag, one)
    after = page.next ?? undefined
  } while (after !== undefined && after < until)
  return found
})

const usageOf = Effect.fnUntraced(function* (here: Invocation, environment: string, flag: string, days: number) {
  const { body } = yield* here.call({ method: "GET", path: pathOf(flag, "/usage"), query: { environment, days } })
  return body as FlagUsage
})

/** For `herald flag get`. Undefined: the server can't tell. */
export const lastUse = (here: Invocation, environment: string, flag: string) =>
  Effect.orElseSucceed(usageOf(here, environment, flag, 1), () => undefined)

/** A line for `herald flag get`. */
export const lastLine = (use: FlagUsage | undefined, now: number): string => {
  if (use === undefined) return ""
  const by = use.sdk === null ? "" : ` by ${use.sdk} (${use.door})`
  const since = use.lastEvaluatedAt === null ? `; counted since ${use.sinceTime.slice(0, 10)}` : ""
  return `${evaluated(use, now)}${by}${since}`
}

const shownUse = (found: FlagUsage, paint: Paint, room: number, now: number): string => {
  const { flag, environment, counts } = found
  const head = `${paint.bold(printable(flag))} in ${printable(environment)}\n${facts([["evaluated", lastLine(found, now)]], paint)}`
  if (counts.length === 0) return head
  const rows = table(
    counts,
    [
      { title: "DAY", value: (row) => row.day },
      { title: "VARIANT", value: (row) => row.variant ?? "(default)", paint: () => paint.bold },
      { title: "OUTCOME", value: (row) => row.outcome },
      { title: "COUNT", value: (row) => String(row.count), right: true },
      { title: "DOOR", value: (row) => row.door },
      { title: "SDK", value: (row) => row.sdk }
    ],
    paint,
    room
  )
  return `${head}\n${rows}`
}

export const usageVerb = Command.make(
  "usage",
  { flag: Argument.String("flag").pipe(Argument.withDescription("The flag's name")), env, days },
  Effect.fn("Flag.usage")(function* ({ flag, env, days }) {
    const here = yield* invocation
    const found = yield* usageOf(here, here.environment(env), flag, days)
    yield* here.emit(found, (paint) => shownUse(found, paint, here.room, Date.now()))
  })
).pipe(
  Command.withDescription("Show who evaluates a flag: by day, variant, outcome, and SDK"),
  Command.withExamples([{ command: "herald flag usage new-checkout --days 7", description: "Of the last week" }])
)

type Stale = StaleFlags["stale"]

const shownStale = (stale: Stale, environment: string, paint: Paint): string =>
  stale.length === 0
    ? `no stale flags in ${printable(environment)}`
    : stale
        .map(({ flag, owner, why }) => {
          const of = owner === null ? "" : paint.dim(`  ${printable(owner)}`)
          const lines = why.map(
            ({ reason, certain, problem, fix }) =>
              `  ${(certain ? paint.yellow : paint.dim)(certain ? reason : `perhaps ${reason}`)}: ${printable(problem)}\n    ${paint.dim(`fix  ${printable(fix)}`)}`
          )
          return [`${paint.bold(printable(flag))}${of}`, ...lines].join("\n")
        })
        .join("\n")

export const stale = Command.make(
  "stale",
  {
    env,
    days: days.pipe(
      Flags.withDescription(
        "A flag is stale that nobody evaluated, or that decided nothing, for so many days; 30 unless given"
      )
    ),
    check: yes("check", "End with exit code 3 if there are any; those that are only perhaps unused don't count")
  },
  Effect.fn("Flag.stale")(function* ({ env, days, check }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const found: Array<Stale[number]> = []
    let after: string | undefined
    do {
      const query = { environment, days, after }
      const page = (yield* here.call({ method: "GET", path: "/v1/stale-flags", query })).body as StaleFlags
      found.push(...page.stale)
      after = page.next ?? undefined
    } while (after !== undefined)
    yield* here.emit(found, (paint) => shownStale(found, environment, paint))
    const certain = found.filter(({ why }) => why.some((one) => one.certain))
    if (!check || certain.length === 0) return
    return yield* new CliFailure({
      code: "",
      title: certain.length === 1 ? "One flag is stale" : `${certain.length} flags are stale`,
      what: certain
        .slice(0, 10)
        .map(({ flag }) => flag)
        .join(", "),
      why: "",
      fix: "See above.",
      exit: 3,
      trace: "",
      retryable: false,
      retryAfter: 0
    })
  })
).pipe(
  Command.withDescription(
    "List flags that nobody needs any more: not evaluated for some time, the same for everyone, or past their expected end; each with what to do"
  ),
  Command.withShortDescription("List flags that nobody needs any more"),
  Command.withExamples([
    { command: "herald flag stale --days 60", description: "Not evaluated, or the same for everyone, for two months" },
    { command: "herald flag stale --check --output json", description: "For CI: exit code 3 if there are any" }
  ])
)
