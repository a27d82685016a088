/** `herald audit export`: the audit log as a file that others can verify. `herald audit key`: by what. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { type AuditLine, textOf } from "../../../audit/AuditFile.ts"
import { signedOf } from "../../../audit/Checkpoint.ts"
import type { AuditKeys, AuditExport as Page } from "../../../edge/http/access/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { invocation, optionalInt, optionalText } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { time } from "../../Table.ts"
import { appending, type Begun } from "./AuditFiles.ts"

/** Entries of a page, and pages between two lines of progress. */
const PAGE = 1_000
const TELL = 5

const count = (n: number) => n.toLocaleString("en-US")

/** Leaves out what was written already: keys, and checkpoints of the entry that was the last. */
const fresh = ({ behind }: Begun) => {
  const keys = new Set<string>()
  let since = new Set(behind)
  return (lines: ReadonlyArray<AuditLine>): ReadonlyArray<string> =>
    lines.flatMap((line) => {
      const text = textOf(line)
      if (line.type === "entry") since = new Set()
      else {
        const seen = line.type === "key" ? keys : since
        if (seen.has(text)) return []
        seen.add(text)
      }
      return [text]
    })
}

const newestIn = (lines: ReadonlyArray<AuditLine>) =>
  lines.findLast((line) => line.type === "checkpoint" && signedOf(line.line) !== undefined)

export const exportVerb = Command.make(
  "export",
  {
    after: optionalInt("after", "Go on after this entry, as an export that was ended said", "entry"),
    file: optionalText("file", "Into this file; one that is begun is gone on with", "path")
  },
  Effect.fn("Audit.export")(function* ({ after: given, file }) {
    const shell = yield* Shell
    const here = yield* invocation
    if (given !== undefined && given < 0) return yield* usage("--after is the number of an entry", "Give 0 or more.")
    if (given !== undefined && file !== undefined)
      return yield* usage(
        "--file goes on where the file ends; --after is for standard output",
        "Leave one of them out."
      )
    const begun: Begun = { after: given ?? 0, behind: [] }
    const out = {
      ...begun,
      append: (text: string): Effect.Effect<void, CliFailure> =>
        shell.out(shell.terminal ? printable(text.slice(0, -1), true) : text.slice(0, -1)), // PR1
      sync: Effect.void as Effect.Effect<void, CliFailure>
    }
    const target = file === undefined ? out : yield* appending(shell.absolute(file))
    const filter = fresh(target)
    let [at, entries, pages] = [target.after, 0, 0]
    if (file !== undefined && at > 0) yield* shell.progress(`${file} has entries up to ${at}: going on after it`)
    const resume = Effect.suspend(() =>
      shell.progress(
        file === undefined
          ? `go on with: herald audit export --after ${at}`
          : `go on with: herald audit export --file ${file}`
      )
    )
    const step = Effect.gen(function* () {
      const { body } = yield* here.call({
        method: "GET",
        path: "/v1/audit/export",
        query: { after: at, limit: PAGE }
      })
      const page = body as Page
      const lines = filter(page.lines)
      if (lines.length > 0) yield* target.append(`${lines.join("\n")}\n`)
      const written = page.lines.filter(({ type }) => type === "entry")
      entries += written.length
      at = page.lines.findLast((line) => line.type === "entry")?.id ?? at
      return page
    }).pipe(
      Effect.tapError(() => resume),
      Effect.onInterrupt(() => resume)
    )
    while (true) {
      const page = yield* step
      if (page.next !== null) {
        if (shell.errorTerminal && pages++ % TELL === 0)
          yield* shell.progress(`exported up to entry ${count(at)} of ${count(page.last)}`)
        continue
      }
      yield* target.sync
      if (page.unsigned === null) {
        const signed = newestIn(page.lines) === undefined ? "" : ", which is signed"
        return yield* shell.progress(`exported ${count(entries)} entries, up to entry ${count(at)}${signed}`)
      }
      yield* shell.progress(`exported ${count(entries)} entries, up to entry ${count(at)}, as they are`)
      return yield* new CliFailure({
        code: "",
        title: "The end of the export is not signed",
        what: page.unsigned,
        why: "The audit log is not the one that was signed before, so the server does not sign it again.",
        fix: "Keep the file as evidence; herald audit verify says more.",
        exit: 3,
        trace: "",
        retryable: false,
        retryAfter: 0
      })
    }
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Write the audit log as JSON lines, oldest first, with signed checkpoints between; exit code 3 if it is not the one that was signed"
  ),
  Command.withExamples([
    { command: "herald audit export --file audit.jsonl", description: "All of it; the same again adds what is new" },
    { command: "herald audit export --after 120000 | gzip > rest.jsonl.gz", description: "From some entry on" }
  ])
)

export const keyVerb = Command.make(
  "key",
  {},
  Effect.fn("Audit.key")(function* () {
    const here = yield* invocation
    const { body } = yield* here.call({ method: "GET", path: "/v1/audit/key" })
    const { current, keys } = body as AuditKeys
    yield* here.emit(body, () =>
      keys
        .map(({ id, at, pem }) => {
          const its = id === current.id ? ", signs at this server" : ""
          return `# ${id}, known since ${time(at)}${its}\n${pem.trim()}`
        })
        .join("\n")
    )
  })
).pipe(
  Command.withDescription("Show the public keys that sign the audit log, for whoever verifies an export"),
  Command.withExamples([
    { command: "herald audit key --output table > audit-keys.pem", description: "Noted now, for later" },
    { command: "herald audit key --output json", description: "With their ids, and since when they are known" }
  ])
)
