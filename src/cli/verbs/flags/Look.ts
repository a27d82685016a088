/** `herald flag list|get|history|diff`: what flags there are, and what became of one. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { FlagDiff, FlagHistory, FlagList, StoredFlag } from "../../../edge/http/flags/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { candidacy } from "../../Candidacy.ts"
import { showDifference } from "../../DiffView.ts"
import { env, invocation, optionalInt, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { clip, TEXT, table, time } from "../../Table.ts"
import { comingOf } from "../schedules/Scheduling.ts"
import { pathOf } from "./Changing.ts"
import { inCode, placesOf } from "./Refs.ts"
import { gist, one, unconfirmed } from "./Told.ts"
import { evaluated, lastLine, lastUse, lastUses } from "./Usage.ts"

const flag = Argument.String("flag").pipe(Argument.withDescription("The flag's name"))
const PAGE = 1_000

export const list = Command.make(
  "list",
  {
    prefix: Argument.String("prefix").pipe(
      Argument.withDescription("Only flags whose names begin with this"),
      Argument.withDefault("")
    ),
    env,
    limit: optionalInt("limit", "At most so many flags; all of them otherwise", "n")
  },
  Effect.fn("Flag.list")(function* ({ prefix, env, limit = Number.POSITIVE_INFINITY }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const flags: Array<StoredFlag> = []
    let after: string | undefined
    let stale = false
    do {
      const query = { environment, prefix, limit: Math.min(PAGE, limit - flags.length), after }
      const answer = yield* here.call({ method: "GET", path: "/v1/flags", query })
      const page = answer.body as FlagList
      stale ||= answer.stale
      flags.push(...page.flags)
      after = page.next ?? undefined
    } while (after !== undefined && flags.length < limit)
    const uses = flags.length === 0 ? undefined : yield* lastUses(here, environment, prefix, flags.at(-1)!.flag)
    const now = Date.now()
    const shown = flags.map((one) => ({
      ...one,
      lastEvaluatedAt: uses?.get(one.flag)?.lastEvaluatedAt ?? null,
      lastEvaluatedTime: uses?.get(one.flag)?.lastEvaluatedTime ?? null
    }))
    yield* here.emit(shown, (paint) =>
      flags.length === 0
        ? prefix === ""
          ? `no flags in ${printable(environment)}; make one: herald flag create <flag> --env ${printable(environment)}`
          : `no flags in ${printable(environment)} whose names begin with ${printable(prefix)}`
        : table(
            flags,
            [
              { title: "FLAG", value: (row) => row.flag, paint: () => paint.bold },
              {
                title: "STATE",
                value: (row) => gist(row.definition).state,
                paint: (row) => (gist(row.definition).state === "on" ? paint.green : paint.dim)
              },
              { title: "SERVES", value: (row) => clip(gist(row.definition).serves, 40), text: TEXT },
              { title: "VERSION", value: (row) => String(row.version), right: true },
              { title: "EVALUATED", value: (row) => (uses === undefined ? "" : evaluated(uses.get(row.flag), now)) },
              { title: "CHANGED", value: (row) => time(row.updatedAt), timed: true },
              { title: "BY", value: (row) => row.updatedBy }
            ],
            paint,
            here.room
          ) + unconfirmed(stale, paint)
    )
  })
).pipe(
  Command.withDescription("List the flags of an environment"),
  Command.withExamples([
    { command: "herald flag list checkout. --env staging", description: "Flags whose names begin with checkout." }
  ])
)

export const get = Command.make(
  "get",
  {
    flag,
    env,
    version: optionalInt("version", "This version instead of the current one", "n"),
    raw: yes("raw", "Print the definition alone")
  },
  Effect.fn("Flag.get")(function* ({ flag, env, version, raw }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    const path = pathOf(flag, version === undefined ? "" : `/versions/${version}`)
    const { body, stale } = yield* here.call({ method: "GET", path, query: { environment } })
    const found = body as StoredFlag
    if (raw) return yield* shell.out(JSON.stringify(found.definition, null, 2))
    if (version !== undefined || found.deleted) return yield* here.emit(found, (paint) => one(found, paint))
    const use = yield* lastUse(here, environment, flag)
    const { lastEvaluatedAt = null, lastEvaluatedTime = null } = use ?? {}
    const places = yield* placesOf(here, environment, flag)
    const coming = yield* comingOf(here, environment, flag)
    const told = { lastEvaluatedAt, lastEvaluatedTime, refs: places.refs, scheduled: coming }
    yield* here.emit(
      { ...found, ...told },
      (paint) =>
        one(found, paint, [
          ["evaluated", lastLine(use, Date.now())],
          ["scheduled", coming.map(({ id, dueAt }) => `${id} ${time(dueAt)}`).join(", ")],
          ["in code", inCode(places)]
        ]) + unconfirmed(stale, paint)
    )
  })
).pipe(
  Command.withDescription("Show a flag's definition, or an old version of it"),
  Command.withExamples([
    { command: "herald flag get new-checkout --raw > flag.json", description: "The definition alone" }
  ])
)

export const history = Command.make(
  "history",
  {
    flag,
    env,
    limit: Flags.Int("limit").pipe(
      Flags.withDescription("At most so many versions"),
      Flags.withMetavar("n"),
      Flags.withDefault(20)
    )
  },
  Effect.fn("Flag.history")(function* ({ flag, env, limit }) {
    const here = yield* invocation
    const versions: Array<StoredFlag> = []
    let before: number | undefined
    do {
      const query = { environment: here.environment(env), limit: Math.min(PAGE, limit - versions.length), before }
      const page = (yield* here.call({ method: "GET", path: pathOf(flag, "/history"), query })).body as FlagHistory
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
          { title: "STATE", value: (row) => gist(row.definition).state },
          { title: "SERVES", value: (row) => clip(gist(row.definition).serves, 40), text: TEXT },
          ...candidacy(versions, paint),
          { title: "MESSAGE", value: (row) => clip(row.message, 40), text: TEXT }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("List the versions of a flag, newest first"),
  Command.withExamples([{ command: "herald flag history new-checkout --limit 5", description: "The last five" }])
)

export const diff = Command.make(
  "diff",
  {
    flag,
    from: Argument.Int("from").pipe(Argument.withDescription("A version")),
    to: Argument.Int("to").pipe(Argument.withDescription("Another version")),
    env
  },
  Effect.fn("Flag.diff")(function* ({ flag, from, to, env }) {
    const here = yield* invocation
    const query = { environment: here.environment(env), from, to }
    const found = (yield* here.call({ method: "GET", path: pathOf(flag, "/diff"), query })).body as FlagDiff
    yield* here.emit(
      found,
      (paint) =>
        `${paint.bold(printable(found.flag))} in ${printable(found.environment)}, version ${from} → ${to}\n` +
        showDifference(found.difference, paint)
    )
  })
).pipe(
  Command.withDescription("Show what changed between two versions of a flag"),
  Command.withExamples([{ command: "herald flag diff new-checkout 3 4", description: "From version 3 to version 4" }])
)
