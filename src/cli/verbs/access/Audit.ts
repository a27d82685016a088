/** `herald audit tail|verify`: who did what when, and proof that nobody changed it afterwards. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { AuditEntries, AuditEntry, AuditVerdict } from "../../../edge/http/access/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, render } from "../../CliFailure.ts"
import { invocation, onlyEnv, optionalText, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { TEXT, table, time } from "../../Table.ts"

const PAGE = 1_000

const detail = (entry: AuditEntry): string =>
  Object.entries(entry.details)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")

const asTable = (entries: ReadonlyArray<AuditEntry>, paint: Paint, room: number): string =>
  table(
    entries,
    [
      { title: "ID", value: (entry) => String(entry.id), right: true },
      { title: "WHEN", value: (entry) => time(entry.createdAt), timed: true },
      { title: "WHO", value: (entry) => entry.performedBy, paint: () => paint.bold },
      { title: "WHAT", value: (entry) => entry.action },
      { title: "WHERE", value: (entry) => entry.configId || "-" },
      { title: "DETAILS", value: detail, paint: () => paint.dim, text: TEXT }
    ],
    paint,
    room
  )

const asLine = (entry: AuditEntry, paint: Paint): string =>
  [
    String(entry.id),
    time(entry.createdAt),
    paint.bold(printable(entry.performedBy)),
    printable(entry.action),
    printable(entry.configId || "-"),
    paint.dim(printable(detail(entry)))
  ].join("  ")

const tail = Command.make(
  "tail",
  {
    limit: Flag.Int("limit").pipe(
      Flag.withDescription("The last so many"),
      Flag.withMetavar("n"),
      Flag.withDefault(20)
    ),
    env: onlyEnv,
    follow: yes("follow", "Stay, and print each new entry")
  },
  Effect.fn("Audit.tail")(function* ({ limit, env, follow }) {
    const shell = yield* Shell
    const here = yield* invocation
    const read = (query: Record<string, number | undefined>) =>
      here
        .call({ method: "GET", path: "/v1/audit", query: { ...query, environment: env } })
        .pipe(Effect.map(({ body }) => body as AuditEntries))
    const found: Array<AuditEntry> = []
    let before: number | undefined
    while (true) {
      const { entries, next } = yield* read({ limit: Math.min(PAGE, limit - found.length), before })
      found.push(...entries)
      before = next ?? undefined
      if (before === undefined || entries.length === 0 || found.length >= limit) break
      yield* shell.progress(`${found.length} entries so far`)
    }
    found.sort((a, b) => a.id - b.id)
    if (!follow) return yield* here.emit(found, (paint) => asTable(found, paint, here.room))

    for (const entry of found) yield* here.emitNext(entry, (paint) => asLine(entry, paint))
    let last = found.at(-1)?.id ?? 0
    let down = false
    while (true) {
      const next = yield* Effect.result(read({ after: last, limit: PAGE }))
      if (next._tag === "Success") {
        if (down) yield* shell.progress("connected again")
        down = false
        for (const entry of next.success.entries) {
          yield* here.emitNext(entry, (paint) => asLine(entry, paint))
          last = Math.max(last, entry.id)
        }
        if (next.success.entries.length > 0) continue // there may be another page
      } else {
        if (!next.failure.retryable) return yield* next.failure
        if (!down) yield* shell.progress(`${render(next.failure, here.errorPaint)}\nwaiting for it …`)
        down = true
      }
      yield* Effect.sleep("1 second")
    }
  })
).pipe(
  Command.withDescription("Show the newest entries of the audit log, oldest first"),
  Command.withExamples([
    { command: "herald audit tail --limit 50", description: "The last fifty" },
    { command: "herald audit tail --follow --output json", description: "A stream for a log collector" }
  ])
)

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

const verify = Command.make(
  "verify",
  {
    from: optionalText("from", "Go on where a check was ended, as it said", "place"),
    checkpoint: optionalText("checkpoint", "A checkpoint from the server's log, to compare with too", "line")
  },
  Effect.fn("Audit.verify")(function* ({ from, checkpoint }) {
    const shell = yield* Shell
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
    "Check the hash chain of the audit log, what it tells of, and this server's checkpoints; exit code 3 if anything is wrong"
  ),
  Command.withExamples([
    { command: "herald audit verify", description: "Is it as it was written?" },
    {
      command: 'herald audit verify --checkpoint "herald-audit-1 …"',
      description: "Against a checkpoint that a log collector kept, too"
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
      : paint.dim(`; left out: ${count(unsigned)} of this node's checkpoints, which another pepper signed`)
  return `${paint.green("the chain holds")}: ${count(entries)} entries, and what they tell of is as they say; ${signed}${left}`
}

export const audit = Command.make("audit").pipe(
  Command.withDescription("Read and verify the audit log"),
  Command.withSubcommands([tail, verify])
)
