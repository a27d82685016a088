/** `herald flag import <file>` and `herald flag export`: flags as flagd has them. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Released } from "../../../edge/http/configuration/ReleaseWire.ts"
import type { Validated } from "../../../edge/http/configuration/Wire.ts"
import type { FlagList } from "../../../edge/http/flags/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { canonical } from "../../../values/Canonical.ts"
import { RELEASE_CHANGES } from "../../../values/Limits.ts"
import { CliFailure } from "../../CliFailure.ts"
import { env, type Invocation, invocation, message, yes } from "../../Globals.ts"
import { readFile } from "../../Input.ts"
import { Shell } from "../../Shell.ts"
import { flagsOfFile } from "./FlagdFile.ts"

const PAGE = 1_000
/** Characters of one release, which stays below what a server takes. */
const RELEASE = 3_000_000

interface Change {
  readonly flag: string
  readonly environment: string
  /** null: it is archived. */
  readonly value: unknown
}

const currentOf = Effect.fnUntraced(function* (here: Invocation, environment: string) {
  const found = new Map<string, unknown>()
  let after: string | undefined
  do {
    const query = { environment, limit: PAGE, after }
    const page = (yield* here.call({ method: "GET", path: "/v1/flags", query })).body as FlagList
    for (const { flag, definition } of page.flags) found.set(flag, definition)
    after = page.next ?? undefined
  } while (after !== undefined)
  return found
})

const inReleases = (changes: ReadonlyArray<Change>): ReadonlyArray<ReadonlyArray<Change>> => {
  const releases: Array<Array<Change>> = []
  let room = 0
  for (const change of changes) {
    const size = JSON.stringify(change).length
    const last = releases.at(-1)
    if (last === undefined || last.length === RELEASE_CHANGES || size > room) {
      releases.push([change])
      room = RELEASE - size
    } else {
      last.push(change)
      room -= size
    }
  }
  return releases
}

export const importFlags = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(Argument.withDescription("A file of flagd, or - for standard input")),
    env,
    replace: yes("replace", "Archive the flags of the environment that are not in the file"),
    message,
    dryRun: yes("dry-run", "Check everything and say what would change, without writing")
  },
  Effect.fn("Flag.import")(function* ({ file, env, replace, message, dryRun }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    const flags = flagsOfFile(file === "-" ? "standard input" : file, yield* readFile(file))
    if (flags instanceof CliFailure) return yield* flags
    const current = yield* currentOf(here, environment)
    const same = (flag: string, value: unknown) =>
      current.has(flag) && canonical(current.get(flag)) === canonical(value)
    const changed = [...flags]
      .filter(([flag, value]) => !same(flag, value))
      .map(([flag, value]): Change => ({ flag, environment, value }))
    const gone = replace ? [...current.keys()].filter((flag) => !flags.has(flag)) : []
    const releases = inReleases([...changed, ...gone.map((flag): Change => ({ flag, environment, value: null }))])
    const revisions: Array<number> = []
    const warnings: Array<{ readonly flag: string; readonly at: string; readonly problem: string }> = []
    for (const [at, its] of releases.entries()) {
      const { body } = yield* here.call({
        method: "POST",
        path: "/v1/releases",
        ...(dryRun ? { query: { dryRun: true }, readOnly: true } : {}),
        body: { changes: [], flags: its, ...(message === undefined ? {} : { message }) }
      })
      if (!dryRun) revisions.push((body as Released).revision)
      else
        for (const { flag, warnings: said } of (body as Validated).flags ?? [])
          for (const one of said) warnings.push({ flag, ...one })
      if (releases.length > 1) yield* shell.progress(`${at + 1} of ${releases.length} releases`)
    }
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
  { env },
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
