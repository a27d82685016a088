/** `herald segment list|get|history|diff`: what segments there are, and what became of one. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { SegmentDiff, SegmentHistory, SegmentList, StoredSegment } from "../../../edge/http/segments/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { showDifference } from "../../DiffView.ts"
import { env, type Invocation, invocation, optionalInt, yes } from "../../Globals.ts"
import { segment as part } from "../../Http.ts"
import { Shell } from "../../Shell.ts"
import { clip, TEXT, table, time } from "../../Table.ts"
import { gist, one } from "./Told.ts"

export const pathOf = (segment: string, rest = ""): string => `/v1/segments/${part(segment)}${rest}`

export const read = Effect.fnUntraced(function* (here: Invocation, environment: string, segment: string) {
  const { body } = yield* here.call({ method: "GET", path: pathOf(segment), query: { environment } })
  return body as StoredSegment
})

export const segment = Argument.String("segment").pipe(Argument.withDescription("The segment's name"))
const PAGE = 1_000

export const list = Command.make(
  "list",
  {
    prefix: Argument.String("prefix").pipe(
      Argument.withDescription("Only segments whose names begin with this"),
      Argument.withDefault("")
    ),
    env
  },
  Effect.fn("Segment.list")(function* ({ prefix, env }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const segments: Array<StoredSegment> = []
    let after: string | undefined
    do {
      const query = { environment, prefix, limit: PAGE, after }
      const page = (yield* here.call({ method: "GET", path: "/v1/segments", query })).body as SegmentList
      segments.push(...page.segments)
      after = page.next ?? undefined
    } while (after !== undefined)
    yield* here.emit(segments, (paint) =>
      segments.length === 0
        ? prefix === ""
          ? `no segments in ${printable(environment)}; make one: herald segment create <segment> --user <key> --env ${printable(environment)}`
          : `no segments in ${printable(environment)} whose names begin with ${printable(prefix)}`
        : table(
            segments,
            [
              { title: "SEGMENT", value: (row) => row.segment, paint: () => paint.bold },
              { title: "IN IT", value: (row) => gist(row.definition), text: TEXT },
              { title: "VERSION", value: (row) => String(row.version), right: true },
              { title: "CHANGED", value: (row) => time(row.updatedAt), timed: true },
              { title: "BY", value: (row) => row.updatedBy }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List the segments of an environment"),
  Command.withExamples([{ command: "herald segment list --env staging", description: "All of them" }])
)

export const get = Command.make(
  "get",
  {
    segment,
    env,
    version: optionalInt("version", "This version instead of the current one", "n"),
    raw: yes("raw", "Print the definition alone")
  },
  Effect.fn("Segment.get")(function* ({ segment, env, version, raw }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    const found =
      version === undefined
        ? yield* read(here, environment, segment)
        : ((yield* here.call({ method: "GET", path: pathOf(segment, `/versions/${version}`), query: { environment } }))
            .body as StoredSegment)
    if (raw) return yield* shell.out(JSON.stringify(found.definition, null, 2))
    yield* here.emit(found, (paint) => one(found, paint))
  })
).pipe(
  Command.withDescription("Show who is in a segment, or was in an old version of it"),
  Command.withExamples([{ command: "herald segment get beta --raw > beta.json", description: "The definition alone" }])
)

export const history = Command.make(
  "history",
  {
    segment,
    env,
    limit: Flags.Int("limit").pipe(
      Flags.withDescription("At most so many versions"),
      Flags.withMetavar("n"),
      Flags.withDefault(20)
    )
  },
  Effect.fn("Segment.history")(function* ({ segment, env, limit }) {
    const here = yield* invocation
    const versions: Array<StoredSegment> = []
    let before: number | undefined
    do {
      const query = { environment: here.environment(env), limit: Math.min(PAGE, limit - versions.length), before }
      const page = (yield* here.call({ method: "GET", path: pathOf(segment, "/history"), query }))
        .body as SegmentHistory
      versions.push(...page.versions)
      before = page.next ?? undefined
    } while (before !== undefined && versions.length < limit)
    yield* here.emit(versions, (paint) =>
      table(
        versions,
        [
          { title: "VERSION", value: (row) => String(row.version), right: true, paint: () => paint.bold },
          { title: "REVISION", value: (row) => String(row.revision), right: true },
          { title: "WHEN", value: (row) => time(row.updatedAt), timed: true },
          { title: "WHO", value: (row) => row.updatedBy },
          { title: "IN IT", value: (row) => gist(row.definition), text: TEXT },
          { title: "MESSAGE", value: (row) => clip(row.message, 40), text: TEXT }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("List the versions of a segment, newest first"),
  Command.withExamples([{ command: "herald segment history beta --limit 5", description: "The last five" }])
)

export const diff = Command.make(
  "diff",
  {
    segment,
    from: Argument.Int("from").pipe(Argument.withDescription("A version")),
    to: Argument.Int("to").pipe(Argument.withDescription("Another version")),
    env
  },
  Effect.fn("Segment.diff")(function* ({ segment, from, to, env }) {
    const here = yield* invocation
    const query = { environment: here.environment(env), from, to }
    const found = (yield* here.call({ method: "GET", path: pathOf(segment, "/diff"), query })).body as SegmentDiff
    yield* here.emit(
      found,
      (paint) =>
        `${paint.bold(printable(found.segment))} in ${printable(found.environment)}, version ${from} → ${to}\n` +
        showDifference(found.difference, paint)
    )
  })
).pipe(
  Command.withDescription("Show what changed between two versions of a segment"),
  Command.withExamples([{ command: "herald segment diff beta 3 4", description: "From version 3 to version 4" }])
)
