/**
 * `herald flag import <file>` and `herald flag export`: flags as flagd has them.
 *
 *   FI3  An import replaces and archives the versions that it read: what somebody changes meanwhile is refused, never overwritten.
 */

import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Released } from "../../../edge/http/configuration/ReleaseWire.ts"
import type { Validated } from "../../../edge/http/configuration/Wire.ts"
import type { FlagList } from "../../../edge/http/flags/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { canonical } from "../../../values/Canonical.ts"
import { CliFailure } from "../../CliFailure.ts"
import { env, type Invocation, invocation, message, yes } from "../../Globals.ts"
import { guardsOf, orSecondPerson } from "../../Guarded.ts"
import { readFile } from "../../Input.ts"
import { Shell } from "../../Shell.ts"
import { flagsOfFile } from "./FlagdFile.ts"
import { type Change, planOf } from "./Plan.ts"

const PAGE = 1_000

const currentOf = Effect.fnUntraced(function* (here: Invocation, environment: string) {
  const found = new Map<string, unknown>()
  const versions = new Map<string, number>()
  let after: string | undefined
  do {
    const query = { environment, limit: PAGE, after }
    const page = (yield* here.call({ method: "GET", path: "/v1/flags", query })).body as FlagList
    for (const { flag, definition, version } of page.flags) {
      found.set(flag, definition)
      versions.set(flag, version)
    }
    after = page.next ?? undefined
  } while (after !== undefined)
  return { current: found, versions }
})

/** Releases that are on their way at the same time: the server reads one while the database takes another. */
const AT_ONCE = 4

/** What failed, and how much of the import is there. */
const atPart = (failed: CliFailure, done: number, count: number): CliFailure =>
  done === 0
    ? failed
    : new CliFailure({
        ...failed,
        what: `${failed.what}${failed.what === "" ? "" : "\n"}${done} of ${count} releases were committed before, and stay`,
        fix: `${failed.fix}${failed.fix === "" ? "" : "\n"}Import again: what is there already is left alone.`
      })

const format = Flags.Literals("format", ["flagd"]).pipe(
  Flags.withDescription("How the file is written; flagd, unless given"),
  Flags.withDefault("flagd" as const)
)

export const importFlags = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(Argument.withDescription("A file of flagd, or - for standard input")),
    env,
    format,
    replace: yes("replace", "Archive the flags of the environment that are not in the file"),
    force: yes("force", "With --replace: those too that applications evaluate; needs --message, which says why"),
    message,
    dryRun: yes("dry-run", "Check everything and say what would change, without writing")
  },
  Effect.fn("Flag.import")(function* ({ file, env, replace, force, message, dryRun }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    const flags = flagsOfFile(file === "-" ? "standard input" : file, yield* readFile(file))
    if (flags instanceof CliFailure) return yield* flags
    const { current, versions } = yield* currentOf(here, environment)
    const expected = (flag: string) => ({ expectedVersion: versions.get(flag) ?? 0 }) // FI3
    const same = (flag: string, value: unknown) =>
      current.has(flag) && canonical(current.get(flag)) === canonical(value)
    const changed = [...flags]
      .filter(([flag, value]) => !same(flag, value))
      .map(([flag, value]): Change => ({ flag, environment, value, ...expected(flag) }))
    const gone = replace ? [...current.keys()].filter((flag) => !flags.has(flag)) : []
    const { inOrder, together } = planOf(
      [
        ...changed,
        ...gone.map(
          (flag): Change => ({ flag, environment, value: null, ...expected(flag), ...(force ? { force } : {}) })
        )
      ],
      current
    )
    const count = inOrder.length + together.length
    const revisions: Array<number> = []
    const warnings: Array<{ readonly flag: string; readonly at: string; readonly problem: string }> = []
    const guards: Array<Validated> = []
    let [done, flagsDone] = [0, 0]
    let failed: CliFailure | undefined
    const release = Effect.fnUntraced(function* (its: ReadonlyArray<Change>) {
      if (failed !== undefined) return
      const answered = yield* Effect.result(
        here.call({
          method: "POST",
          path: "/v1/releases",
          ...(dryRun ? { query: { dryRun: true }, readOnly: true } : {}),
          body: { changes: [], flags: its, ...(message === undefined ? {} : { message }) }
        })
      )
      if (Result.isFailure(answered)) {
        failed ??= answered.failure
        return
      }
      const { body } = answered.success
      if (!dryRun) revisions.push((body as Released).revision)
      else guards.push(body as Validated)
      if (dryRun)
        for (const { flag, warnings: said } of (body as Validated).flags ?? [])
          for (const one of said) warnings.push({ flag, ...one })
      done++
      flagsDone += its.length
      if (count > 1) yield* shell.progress(`${done} of ${count} releases, ${flagsDone} flags`)
    })
    for (const its of inOrder) yield* release(its)
    yield* Effect.forEach(together, release, { concurrency: AT_ONCE, discard: true })
    // Those that were on their way have come to their end: what is told here is all that there will be.
    if (failed !== undefined) return yield* atPart(failed, dryRun ? 0 : done, count)
    revisions.sort((one, other) => one - other)
    const told = {
      environment,
      imported: changed.length,
      unchanged: flags.size - changed.length,
      archived: gone.length,
      ...(dryRun ? { warnings } : { revisions })
    }
    yield* here.emit(told, (paint) => {
      const counts = `${told.imported} ${told.imported === 1 ? "flag" : "flags"}, ${told.unchanged} unchanged, ${told.archived} archived in ${printable(environment)}`
      if (!dryRun) return `${paint.green("imported")} ${counts}`
      const notes = warnings.map(
        ({ flag, at, problem }) => `\n${paint.yellow("note")} ${printable(flag)}${printable(at)} ${printable(problem)}`
      )
      return `${paint.green("valid")}, nothing was written: ${counts}${notes.join("")}`
    })
    yield* orSecondPerson(here, guardsOf(guards), undefined)
  })
).pipe(
  Command.withDescription(
    "Take over flags from a file of flagd. What is there already as it stands in the file is left alone"
  ),
  Command.withExamples([
    {
      command: "herald flag import flags.json --env staging --dry-run",
      description: "What would change, and what engines read differently"
    },
    {
      command: "herald flag import flags.json --env staging --replace",
      description: "The environment has these and no others"
    }
  ])
)

export const exportFlags = Command.make(
  "export",
  { env, format },
  Effect.fn("Flag.export")(function* ({ env }) {
    const shell = yield* Shell
    const here = yield* invocation
    const { body } = yield* here.call({
      method: "GET",
      path: "/v1/flagd",
      query: { environment: here.environment(env) }
    })
    yield* shell.out(JSON.stringify(body, null, 2))
  })
).pipe(
  Command.withDescription(
    "Print the flags of an environment as a file of flagd, with references and prerequisites in their places"
  ),
  Command.withExamples([
    { command: "herald flag export --env staging > flags.json", description: "For flagd, or any provider in process" }
  ])
)
