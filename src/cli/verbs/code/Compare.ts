/**
 * `herald compare --env a --with b`: how two environments differ.
 *
 *   JC1  The exit code says it: 0 they don't, 1 they do, 2 it can't be told, whatever the reason. So does that of `herald diff --folder`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { env, invocation, yes } from "../../Globals.ts"
import { readingOf, requireEnvironment } from "../../Near.ts"
import { Shell } from "../../Shell.ts"
import { table } from "../../Table.ts"
import { different, orCantTell } from "./Flags.ts"
import { EVERYTHING, wrongPattern } from "./Manifest.ts"
import { type Found, planOf } from "./Plan.ts"
import { visibleOf } from "./Rights.ts"
import { shapesOf } from "./Server.ts"
import { count } from "./Told.ts"

interface Row {
  readonly name: string
  readonly here: number | null
  readonly there: number | null
  /** What differs; "same" where nothing does. */
  readonly difference: string
}

/** In the order of names. Pure. */
export const rowsOf = (
  one: ReadonlyMap<string, Found>,
  other: ReadonlyMap<string, Found>,
  environments: readonly [string, string]
): ReadonlyArray<Row> => {
  const steps = new Map(planOf(one, other).steps.map((step) => [step.name, step]))
  return [...new Set([...one.keys(), ...other.keys()])].toSorted().map((name) => {
    const [a, b] = [one.get(name), other.get(name)]
    const difference =
      a === undefined
        ? `only in ${environments[1]}`
        : b === undefined
          ? `only in ${environments[0]}`
          : (steps.get(name)?.parts.join(", ") ?? "same")
    return { name, here: a?.version ?? null, there: b?.version ?? null, difference }
  })
}

export const compare = Command.make(
  "compare",
  {
    patterns: Argument.String("patterns").pipe(
      Argument.withDescription("Keys or patterns: payments.db, 'payments.*', '@flag/*'; everything unless given"),
      Argument.variadic()
    ),
    env,
    with: Flag.String("with").pipe(Flag.withDescription("The other environment"), Flag.withMetavar("environment")),
    all: yes("all", "Also what is the same in both")
  },
  Effect.fn("Compare.run")(function* ({ patterns: given, env, with: other, all }) {
    const shell = yield* Shell
    const { here, environment, rows } = yield* orCantTell(
      Effect.gen(function* () {
        const here = yield* invocation
        const environment = here.environment(env)
        if (environment === other) return yield* usage(`--env and --with are both ${other}`, "Name two environments.")
        for (const one of given) {
          const wrong = wrongPattern(one)
          if (wrong !== undefined)
            return yield* usage(`${one} ${wrong}`, "Such as payments.db, 'payments.*', '@flag/*'.")
        }
        const wanted = given.length === 0 ? EVERYTHING : given
        const { patterns, all } = yield* visibleOf(here, wanted)
        if (!all) yield* shell.progress(printable(`only what you may see is compared: ${patterns.join(" ")}`))
        const shapes = Effect.fnUntraced(function* (its: string, flag: string) {
          const found = yield* readingOf(here, its, flag)(shapesOf(here, its, patterns, true))
          if (found.size === 0) yield* requireEnvironment(here, its, flag)
          return found
        })
        const found = yield* shapes(environment, "--env")
        const rows = rowsOf(found, yield* shapes(other, "--with"), [environment, other])
        return { here, environment, rows }
      })
    )
    const differing = rows.filter(({ difference }) => difference !== "same")
    const same = rows.length - differing.length
    const shown = all ? rows : differing
    const json = shown.map(({ name, here: one, there, difference }) => ({
      name,
      versions: { [environment]: one, [other]: there },
      difference
    }))
    yield* here.emit({ same, different: differing.length, names: json }, (paint) =>
      [
        ...(shown.length === 0
          ? []
          : [
              table(
                shown,
                [
                  { title: "NAME", value: (row) => row.name, paint: () => paint.bold },
                  { title: environment, value: (row) => String(row.here ?? "-"), right: true },
                  { title: other, value: (row) => String(row.there ?? "-"), right: true },
                  {
                    title: "DIFFERENCE",
                    value: (row) => row.difference,
                    paint: (row) => (row.difference === "same" ? paint.dim : undefined)
                  }
                ],
                paint,
                here.room
              )
            ]),
        `${count(differing.length)} different, ${count(same)} the same in ${printable(environment)} and ${printable(other)}`
      ].join("\n")
    )
    if (differing.length === 0) return
    return yield* different(
      `${environment} and ${other} differ in ${count(differing.length)} ${differing.length === 1 ? "name" : "names"}`,
      `See one: herald get <key> --env ${other}; or take it over: herald promote <key> --from ${environment} --to ${other} --dry-run.`
    )
  })
).pipe(
  Command.withDescription(
    "Show which keys, flags and segments two environments have differently. Exit code 0: none; 1: some; 2: it can't be told"
  ),
  Command.withShortDescription("Show how two environments differ"),
  Command.withExamples([
    { command: "herald compare --env staging --with production", description: "Everything" },
    {
      command: "herald compare 'payments.*' --env staging --with production --all",
      description: "Also what is the same"
    }
  ])
)
