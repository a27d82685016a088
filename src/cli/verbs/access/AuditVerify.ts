/** `herald audit verify`: whether the audit log, or a file that it was exported to, is as it was written. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { AuditVerdict } from "../../../edge/http/access/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { invocation, optionalInt, optionalText } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { time } from "../../Table.ts"
import { verifyFile } from "./AuditFileVerify.ts"

const headings: Record<NonNullable<AuditVerdict["problem"]>["kind"], readonly [title: string, fix: string]> = {
  changed: ["The audit log was changed", "Compare the table audit_log with a backup from before that entry."],
  missing: ["Entries of the audit log are missing", "Compare the table audit_log with a backup that has them."],
  truncated: [
    "The end of the audit log is missing",
    "If a backup was restored, that is what was lost with it: look at it, then move audit-checkpoints away from the data folder of each node, and a new one begins. Otherwise somebody removed it."
  ],
  rewritten: [
    "The audit log is not the one that was signed",
    "Somebody who can write the database made the chain anew. Compare the table audit_log with a backup from before. After a promotion that lost commits: look at what was lost, then move audit-checkpoints away from the data folder of each node."
  ],
  value: ["A version is not what was published", "Compare the table configuration_history with a backup."],
  unlogged: [
    "Something is there that the audit log knows nothing of",
    "Somebody wrote it into the database past Herald."
  ],
  current: [
    "A configuration is not the newest version of its history",
    "Somebody wrote it into the database past Herald. Publish it again, or roll back to the version that is right."
  ],
  key: [
    "An API key is not what the audit log tells of it",
    "Somebody changed it in the database. Revoke it and make a new one."
  ]
}

const count = (n: number) => n.toLocaleString("en-US")

export const verify = Command.make(
  "verify",
  {
    from: optionalText("from", "Go on where a check was ended, as it said", "place"),
    checkpoint: optionalText("checkpoint", "A checkpoint from the server's log, to compare with too", "line"),
    file: optionalText("file", "A file of herald audit export, instead of a server's log", "path"),
    key: optionalText("key", "With --file: the public keys that are believed, as herald audit key gave them", "path"),
    after: optionalInt("after", "With --file: it begins after this entry", "entry")
  },
  Effect.fn("Audit.verify")(function* ({ from, checkpoint, file, key, after }) {
    const shell = yield* Shell
    if (file !== undefined) {
      if (from === undefined) return yield* verifyFile({ file, key, after, checkpoint })
      return yield* usage("--from is for a server's log", "Leave it out: a file is read from its begin.")
    }
    if (key !== undefined || after !== undefined)
      return yield* usage("--key and --after are for a file", "Give the file with --file.")
    const here = yield* invocation
    let place = from
    let [checkpoints, pages] = [undefined as AuditVerdict["checkpoints"] | undefined, 0]
    const page = Effect.suspend(() =>
      here.call({
        method: "GET",
        path: "/v1/audit/verify",
        query: { from: place, checkpoint: pages === 0 ? checkpoint : undefined }
      })
    ).pipe(
      Effect.map(({ body }) => body as AuditVerdict),
      Effect.tapError(() => resume),
      Effect.onInterrupt(() => resume)
    )
    const resume = Effect.suspend(() =>
      place === undefined || pages === 0
        ? Effect.void
        : shell.progress(`go on with: herald audit verify --from ${place}`)
    )
    while (true) {
      const verdict = yield* page
      pages++
      checkpoints = verdict.checkpoints ?? checkpoints
      if (verdict.problem === null && typeof verdict.next === "string") {
        place = verdict.next
        if (shell.errorTerminal && pages % TELL === 1)
          yield* shell.progress(`checked ${count(verdict.entries)} of ${count(verdict.total)} entries`)
        continue
      }
      const whole = { ...verdict, checkpoints: checkpoints ?? null }
      if (verdict.problem === null) return yield* here.emit(whole, (paint) => good(whole, paint))
      const { kind, message } = verdict.problem
      const [title, fix] = headings[kind]
      const at = verdict.broken === null ? "" : ` (entry ${verdict.broken})`
      yield* here.emit(whole, (paint) => paint.red(`${kind}${at}: ${printable(message)}`))
      return yield* new CliFailure({
        code: "",
        title,
        what: message,
        why: "Someone or something changed the database past Herald, or an older state of it was restored.",
        fix,
        exit: 3,
        trace: "",
        retryable: false,
        retryAfter: 0
      })
    }
  })
).pipe(
  Command.withDescription(
    "Check the hash chain of the audit log, what it tells of, and this server's checkpoints; exit code 3 if anything is wrong. With --file an exported log, without a server: exit code 1 if anything is wrong, 2 if it can't be checked"
  ),
  Command.withExamples([
    { command: "herald audit verify", description: "Is it as it was written?" },
    {
      command: 'herald audit verify --checkpoint "herald-audit-2 …"',
      description: "Against a checkpoint that a log collector kept, too"
    },
    {
      command: "herald audit verify --file audit.jsonl --key audit-keys.pem",
      description: "A file that was exported, anywhere, by the keys that one noted before"
    }
  ])
)

/** Pages of about a second between two lines of progress. */
const TELL = 5

const good = ({ entries, checkpoints }: AuditVerdict, paint: Paint): string => {
  const { checked = 0, unsigned = 0, newest = null } = checkpoints ?? {}
  const signed =
    newest === null
      ? paint.dim("no checkpoint to compare with: a cut end, or a chain that was made anew, would not be seen")
      : `${count(checked)} checkpoints agree, the newest of ${time(newest.at)} with entry ${count(newest.entry)}`
  const left =
    unsigned === 0
      ? ""
      : paint.dim(`; left out: ${count(unsigned)} of this node's checkpoints, which no known key signed`)
  return `${paint.green("the chain holds")}: ${count(entries)} entries, and what they tell of is as they say; ${signed}${left}`
}
