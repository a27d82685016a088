/** `herald audit tail|verify|export|key`: who did what when, and proof that nobody changed it afterwards. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { AuditEntries, AuditEntry } from "../../../edge/http/access/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { render } from "../../CliFailure.ts"
import { invocation, onlyEnv, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { TEXT, table, time } from "../../Table.ts"
import { exportVerb, keyVerb } from "./AuditExport.ts"
import { verify } from "./AuditVerify.ts"

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

export const audit = Command.make("audit").pipe(
  Command.withDescription("Read, verify and export the audit log"),
  Command.withSubcommands([tail, verify, exportVerb, keyVerb])
)
