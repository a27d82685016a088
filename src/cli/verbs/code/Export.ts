/**
 * `herald export`: what an environment has, as files.
 *
 *   JZ2  What apply takes is exported as it was: each value's text, type, schema and strictness.
 *   JZ1  A folder is made beside the one that is there and takes its place once it is whole: what was there stays until then.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import type { Folder } from "../../Folder.ts"
import { env, type Invocation, invocation, optionalText, yes } from "../../Globals.ts"
import { readingOf, requireEnvironment } from "../../Near.ts"
import { Shell } from "../../Shell.ts"
import { apartIn, fileOf, folderOf, MANIFEST, placeOf, schemaFileOf, textOf, unescaped } from "./FileName.ts"
import { EVERYTHING, manifestText, readManifest, wrongPattern } from "./Manifest.ts"
import { eachPage, type Read } from "./Pages.ts"
import { visibleOf } from "./Rights.ts"
import { readAll } from "./Server.ts"
import { count } from "./Told.ts"

/** git would change line ends, where it is told to. */
const GIT = ".gitattributes"
const UNTOUCHED = "* -text\n"
const MANIFEST_BYTES = 64 * 1_048_576
const TELL = 5_000

/** The patterns of the folder that is there. */
const patternsIn = Effect.fnUntraced(function* (folder: Folder, place: string) {
  const there = yield* folder.list(place)
  if (there?.some(({ name }) => name === MANIFEST) !== true) return { there, patterns: undefined }
  const text = new TextDecoder().decode(yield* folder.read(`${place}/${MANIFEST}`, MANIFEST_BYTES))
  const manifest = readManifest(text)
  return { there, patterns: "problem" in manifest ? undefined : manifest.patterns }
})

/** Writes one environment below `made`. */
const written = Effect.fnUntraced(function* (
  here: Invocation,
  environment: string,
  patterns: ReadonlyArray<string>,
  folder: Folder,
  made: string
) {
  const shell = yield* Shell
  const names = new Set<string>()
  yield* eachPage(here, environment, patterns, "names", (page) =>
    Effect.sync(() => {
      for (const { name } of page) names.add(name)
    })
  )
  const apart = apartIn(names)
  const strict = new Set<string>()
  const files = new Map<string, ReadonlyArray<string>>()
  const dropped = Effect.fnUntraced(function* (name: string) {
    for (const file of files.get(name) ?? []) yield* folder.remove(`${made}/${file}`)
    files.delete(name)
    strict.delete(name)
  })
  const put = Effect.fnUntraced(function* ({ name, content }: Read) {
    yield* dropped(name)
    // One that came after the names were read, and whose capitals nobody compared.
    const alone = apart.has(name) || !names.has(name)
    const { text, type, schema, strict: isStrict } = content!
    const all: Array<readonly [string, string]> = [[fileOf(name, type, alone), textOf(text)]]
    if (schema !== null && schema !== undefined)
      all.push([schemaFileOf(name, alone), `${JSON.stringify(schema, null, 2)}\n`])
    files.set(
      name,
      all.map(([file]) => file)
    )
    for (const [file, its] of all) yield* folder.write(`${made}/${file}`, its)
    if (isStrict) strict.add(name)
  })
  let told = 0
  const { settled } = yield* readAll(here, environment, patterns, "values", put, dropped, (done) => {
    if (shell.errorTerminal) return shell.live(`${environment}: ${count(done)} of ${count(names.size)}`)
    if (done - told < TELL) return Effect.void
    told = done
    return shell.progress(`${environment}: ${count(done)} of ${count(names.size)}`)
  })
  if (shell.errorTerminal) yield* shell.live("")
  if (!settled)
    yield* shell.progress(
      printable(`${environment} changed all the while it was read: its files are of several moments; export it again`)
    )
  yield* folder.write(`${made}/${MANIFEST}`, manifestText({ patterns, strict: [...strict].toSorted() }))
  yield* folder.write(`${made}/${GIT}`, UNTOUCHED)
  return files.size
})

export const exportVerb = Command.make(
  "export",
  {
    env,
    pattern: Flag.String("pattern").pipe(
      Flag.withAlias("p"),
      Flag.withDescription(
        "What is exported, may be repeated: a key, 'payments.*', '*', '@flag/*', '@segment/beta'; otherwise what the folder has, or everything"
      ),
      Flag.withMetavar("pattern"),
      Flag.atLeast(0)
    ),
    out: optionalText("out", "The folder in which environments have theirs; herald unless given", "folder"),
    yes: yes("yes", "Don't ask whether files that are there are replaced")
  },
  Effect.fn("Export.run")(function* ({ env, pattern, out, yes }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    for (const one of pattern) {
      const wrong = wrongPattern(one)
      if (wrong !== undefined)
        return yield* usage(`--pattern ${one} ${wrong}`, "Such as payments.db, 'payments.*', '@flag/*'.")
    }
    const folder = shell.folder(out ?? "herald")
    const entries = (yield* folder.list("")) ?? []
    const { place, clash } = placeOf(
      environment,
      entries.flatMap(({ name }) => (name.startsWith(".") ? [] : [name]))
    )
    if (clash !== undefined)
      return yield* usage(
        `${folder.path}/${clash} is there, and one folder with ${place} where a file system does not tell capitals apart`,
        `Rename it to ${folderOf(unescaped(clash) ?? clash, true)}, which says the same; or give another --out.`
      )
    const { there, patterns: before } = yield* patternsIn(folder, place)
    const wanted = pattern.length > 0 ? [...new Set(pattern)] : (before ?? EVERYTHING)
    const seen = yield* visibleOf(here, wanted)
    const patterns = seen.all ? wanted : seen.patterns // JW1
    if (!seen.all)
      yield* shell.progress(
        printable(
          `of ${wanted.join(" ")} you may see ${patterns.join(" ")}: that is exported, and the manifest says so`
        )
      )
    if (there !== undefined && there.length > 0) {
      if (before === undefined && !yes)
        return yield* usage(
          `${folder.path}/${place} is there, and nothing that herald export made`,
          "Give another --out, or --yes to replace all that is in it."
        )
      if (!yes) {
        const what = `${folder.path}/${place} is replaced: changes in it that were not applied are lost.`
        if (!shell.inputTerminal) return yield* usage(what, "Give --yes, or another --out.")
        const answer = yield* shell.ask(`${printable(what)}\nType yes: `)
        if (answer.trim().toLowerCase() !== "yes")
          return yield* usage("nothing was changed", "Type yes, or give --yes.")
      }
    }
    const made = `.herald-${shell.pid}-${yield* shell.uuid}`
    const names = yield* written(here, environment, patterns, folder, made).pipe(
      readingOf(here, environment, "--env"),
      Effect.tap((names) => (names === 0 ? requireEnvironment(here, environment, "--env") : Effect.void)),
      Effect.tap(() => folder.replace(made, place)), // JZ1
      Effect.onExit((exit) => (exit._tag === "Success" ? Effect.void : Effect.ignore(folder.remove(made))))
    )
    yield* here.emit(
      { environment, folder: `${folder.path}/${place}`, names, patterns },
      (paint) =>
        `${paint.green("exported")} ${count(names)} ${names === 1 ? "name" : "names"} of ${printable(environment)} to ${printable(`${folder.path}/${place}`)}`
    )
  })
).pipe(
  Command.withDescription(
    "Write what an environment has as files: configuration with types and schemas, flags and segments, but no secrets. `herald apply` takes them back"
  ),
  Command.withShortDescription("Write what an environment has as files"),
  Command.withExamples([
    { command: "herald export --env production", description: "To the folder herald/production" },
    {
      command: "herald export --env staging --pattern 'payments.*' --pattern '@flag/*' --out deploy/config",
      description: "Only these, elsewhere"
    }
  ])
)
