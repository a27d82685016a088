/** `herald audit verify --file`: whether an exported audit log is as it was written, by public keys alone. */
import * as Effect from "effect/Effect"
import { FileCheck, type FileProblem, type FileVerdict } from "../../../audit/AuditFileCheck.ts"
import { type Signed, signedOf } from "../../../audit/Checkpoint.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { printing } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { time } from "../../Table.ts"
import { digest, eachLine, idOf, publicKeysOf, verifier } from "./AuditFiles.ts"

/** Bytes of a file of public keys. */
const KEYS = 1_048_576
/** Bytes between two lines of progress. */
const TELL = 64 * 1_048_576

const titles: Record<FileProblem["kind"], string> = {
  line: "A line is none of an exported audit log",
  changed: "An entry was changed",
  replaced: "An entry was put in the place of another",
  missing: "Entries are missing",
  moved: "Lines stand in another order",
  added: "An entry was put in",
  forged: "A signature is wrong",
  rewritten: "The audit log is not the one that was signed",
  truncated: "The end is missing",
  unsigned: "What is there is not signed"
}

const count = (n: number) => n.toLocaleString("en-US")

const good = ({ entries, first, last, checked, left, strangers, newest }: FileVerdict, paint: Paint): string => {
  const others = left === 0 ? "" : paint.dim(`; left out: ${count(left)} of other keys (${strangers.join(", ")})`)
  return `${paint.green("the file is whole")}: ${count(entries)} entries, ${first} to ${last}; ${count(checked)} checkpoints agree, the newest of ${time(newest!.at)} with entry ${newest!.entry}, signed by ${newest!.key}${others}`
}

const shownOf = (line: string | undefined, keys: ReadonlyMap<string, string>, verifies: ReturnType<typeof verifier>) =>
  Effect.gen(function* () {
    if (line === undefined) return undefined
    const signed: Signed | undefined = signedOf(line.trim())
    const publicKey = keys.get(signed?.checkpoint.key ?? "")
    if (signed !== undefined && publicKey !== undefined && verifies(publicKey, signed.body, signed.signature))
      return signed
    return yield* usage(
      "--checkpoint: this is no whole line that a key of --key signed",
      "Give it as the server's log has it, from herald-audit-2 to the signature, and the key that it names."
    )
  })

export const verifyFile = Effect.fn("Audit.verifyFile")(function* (options: {
  readonly file: string
  readonly key: string | undefined
  readonly after: number | undefined
  readonly checkpoint: string | undefined
}) {
  const shell = yield* Shell
  const here = yield* printing
  const { file, after = 0 } = options
  if (options.key === undefined)
    return yield* usage(
      "--file needs --key: the keys in the file are no proof",
      "Give the public keys that you noted before, as herald audit key prints them."
    )
  if (after < 0) return yield* usage("--after is the number of an entry", "Give 0 or more.")
  const bytes = yield* shell.readFile(options.key, KEYS)
  const keys = publicKeysOf(new TextDecoder().decode(bytes.subarray(0, KEYS)))
  if (keys === undefined)
    return yield* usage(
      `${options.key}: there is no public key in it, or one that is not of Ed25519`,
      "Give a file of PUBLIC KEY blocks (PEM), as herald audit key prints them."
    )
  const verifies = verifier(keys.values())
  const shown = yield* shownOf(options.checkpoint, keys, verifies)
  const check = new FileCheck({ digest, idOf, verifies, keys, after, shown })
  let [lines, told] = [0, 0]
  yield* eachLine(
    file,
    (line) => {
      lines++
      return check.next(line)
    },
    (bytes) => {
      if (!shell.errorTerminal || bytes - told < TELL) return Effect.void
      told = bytes
      return shell.progress(`checked ${count(lines)} lines`)
    }
  )
  const verdict = check.end()
  const { problem } = verdict
  const whole = {
    ok: problem === undefined,
    file,
    ...verdict,
    problem: problem ?? null,
    newest: verdict.newest ?? null
  }
  if (problem === undefined) return yield* here.emit(whole, (paint) => good(verdict, paint))
  const at = problem.entry === undefined ? "" : ` (entry ${problem.entry})`
  yield* here.emit(whole, (paint) =>
    paint.red(`line ${problem.line}${at}: ${problem.kind}: ${printable(problem.message)}`)
  )
  return yield* new CliFailure({
    code: "",
    title: titles[problem.kind],
    what: `${file}, line ${problem.line}: ${problem.message}`,
    why: "The file was changed after it was exported, or the database before.",
    fix: "Export the log again, and compare with this file and with those of before; herald audit verify says what is in the database.",
    exit: 1,
    trace: "",
    retryable: false,
    retryAfter: 0
  })
})
