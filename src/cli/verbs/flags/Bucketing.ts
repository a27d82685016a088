/** `herald flag bucketing [v2|v3]`: how an environment puts people into buckets, who would move, and who disagrees. */

import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type {
  CurrentFlagSettings,
  PublishedFlagSettings,
  TriedFlagSettings
} from "../../../edge/http/flagSettings/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, optionalText, yes } from "../../Globals.ts"
import { guardsOf, orSecondPerson } from "../../Guarded.ts"
import { readFile } from "../../Input.ts"
import type { Paint } from "../../Paint.ts"
import { table } from "../../Table.ts"

const PATH = "/v1/flag-settings"
/** People of a file that are asked for. */
const PEOPLE = 10_000
/** Flags that are shown. */
const SHOWN = 20

const warned = (disagree: ReadonlyArray<string>, bucketing: string, paint: Paint): string =>
  disagree
    .map(
      (sdk) =>
        `\n${paint.yellow("note")} ${printable(sdk)} follows these flags, evaluates by itself, and does not put people into buckets by ${bucketing}`
    )
    .join("")

const current = (found: CurrentFlagSettings, paint: Paint, room: number): string => {
  const said = found.version === 0 ? "by default" : `version ${found.version} of its settings`
  const programs =
    found.evaluating.length === 0
      ? ""
      : `\n${table(
          found.evaluating,
          [
            { title: "EVALUATES BY ITSELF", value: (row) => printable(row.sdk) },
            { title: "STREAMS", value: (row) => String(row.streams), right: true },
            { title: "BUCKETING", value: (row) => row.bucketing ?? "not known" }
          ],
          paint,
          room
        )}`
  return `${paint.bold(found.bucketing)} in ${printable(found.environment)}, ${said}${programs}${warned(found.disagree, found.bucketing, paint)}`
}

const tried = ({ moving, disagree }: TriedFlagSettings, paint: Paint, room: number): string => {
  const { from, to, flags, counted, madeUp, moved, asked, wouldMove } = moving
  const percent = asked === 0 ? 0 : Math.round((10_000 * wouldMove) / asked) / 100
  const people = madeUp ? "people that were made up" : "the people of the file"
  const rows =
    moved.length === 0
      ? ""
      : `\n${table(
          moved.slice(0, SHOWN),
          [
            { title: "FLAG", value: (row) => printable(row.flag), paint: () => paint.bold },
            { title: "MOVE", value: (row) => String(row.moved), right: true },
            { title: "OF", value: (row) => String(row.people), right: true }
          ],
          paint,
          room
        )}${moved.length > SHOWN ? `\n… and ${moved.length - SHOWN} more` : ""}`
  const left = counted < flags ? ` (${counted} of them counted)` : ""
  return (
    `${paint.green("valid")}, nothing was written: from ${from} to ${to} ${paint.bold(`${percent} %`)} of ${people} ` +
    `would get another variant, on an average of ${flags} ${flags === 1 ? "flag" : "flags"} with buckets${left}${rows}${warned(disagree, to, paint)}`
  )
}

/** A line is a targeting key, or a context as JSON. */
const peopleIn = (name: string, text: string): ReadonlyArray<unknown> | CliFailure => {
  const people: Array<unknown> = []
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === "") continue
    if (people.length === PEOPLE) break
    try {
      people.push(line.startsWith("{") ? JSON.parse(line) : line)
    } catch {
      return usage(
        `${name} has a line that begins as JSON, and is none`,
        "Write a targeting key or a context as JSON on each line."
      )
    }
  }
  return people
}

export const bucketing = Command.make(
  "bucketing",
  {
    bucketing: Argument.Literals("bucketing", ["v2", "v3"]).pipe(
      Argument.withDescription("How people are to be put into buckets; what is so now is shown without it"),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    ),
    env,
    dryRun: yes("dry-run", "Count who would get another variant, without writing"),
    people: optionalText(
      "people",
      "With --dry-run, for whom: a file with a targeting key or a context as JSON on each line, or -; made up otherwise",
      "file"
    ),
    message,
    idempotencyKey
  },
  Effect.fn("Flag.bucketing")(function* ({ bucketing, env, dryRun, people, message, idempotencyKey }) {
    const here = yield* invocation
    const query = { environment: here.environment(env) }
    if (people !== undefined && !dryRun)
      return yield* usage("--people is for counting alone", "Give --dry-run with it, or leave it out.")
    if (bucketing === undefined) {
      if (dryRun) return yield* usage("nothing is to be tried", "Say v2 or v3.")
      const { body } = yield* here.call({ method: "GET", path: PATH, query })
      return yield* here.emit(body, (paint) => current(body as CurrentFlagSettings, paint, here.room))
    }
    const value = { bucketing }
    if (dryRun) {
      const found = people === undefined ? undefined : peopleIn(people, yield* readFile(people))
      if (found instanceof CliFailure) return yield* found
      const { body } = yield* here.call({
        method: "POST",
        path: `${PATH}/validate`,
        query,
        body: { value, ...(found === undefined ? {} : { people: found }) },
        readOnly: true
      })
      yield* here.emit(body, (paint) => tried(body as TriedFlagSettings, paint, here.room))
      return yield* orSecondPerson(here, guardsOf([body as TriedFlagSettings]), undefined)
    }
    const { body } = yield* here.call({
      method: "PUT",
      path: PATH,
      query,
      body: { value, ...(message === undefined ? {} : { message }) },
      idempotencyKey
    })
    const made = body as PublishedFlagSettings
    yield* here.emit(
      made,
      (paint) =>
        `${paint.green("set")} bucketing ${paint.bold(bucketing)} in ${printable(made.environment)}, version ${made.version} of its settings ` +
        `(revision ${made.revision})${warned(made.disagree, bucketing, paint)}`
    )
  })
).pipe(
  Command.withDescription("Show or set how people are put into buckets, and count who would move"),
  Command.withExamples([
    { command: "herald flag bucketing", description: "How it is now, and who evaluates by itself" },
    { command: "herald flag bucketing v3 --env staging --dry-run --people ids.txt", description: "Who would move" },
    { command: `herald flag bucketing v3 --env staging --message "all providers are new"`, description: "Set it" }
  ])
)
