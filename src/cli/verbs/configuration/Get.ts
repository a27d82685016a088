/** `herald get <key>`: the current value, or an old version. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Configuration, InText, Reading } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { wholeContent } from "../../DiffView.ts"
import { env, invocation, optionalInt, yes } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning } from "../../Near.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { facts, time } from "../../Table.ts"
import { watch } from "../../Watch.ts"

type Found = Configuration & Partial<Reading> & InText

const asTable = (found: Found, paint: Paint): string =>
  [
    `${paint.bold(printable(found.key))} in ${printable(found.environment)}` +
      `${found.stale === true ? paint.yellow("  stale: the server can't confirm that this is the newest") : ""}`,
    facts(
      [
        ["version", `${found.version} (revision ${found.revision})`],
        ["type", `${found.type}${found.strict ? ", strict" : ""}${found.template ? ", template" : ""}`],
        ["changed", `${time(found.updatedAt)} by ${found.updatedBy}`],
        ["message", found.message],
        ["schema", found.schema === null || found.schema === undefined ? "" : JSON.stringify(found.schema)]
      ],
      paint
    ),
    found.deleted ? paint.red("deleted") : wholeContent(found.value)
  ].join("\n")

export const get = Command.make(
  "get",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key to read")),
    env,
    version: optionalInt("version", "This version instead of the current one", "n"),
    consistency: Flag.Literals("consistency", ["cached", "strong"]).pipe(
      Flag.withDescription("strong reads from the database; cached (default) from the server's memory"),
      Flag.optional,
      Flag.map(Option.getOrUndefined)
    ),
    raw: yes(
      "raw",
      "Print the value alone, exactly as it was published; a terminal gets control characters as escapes"
    ),
    watch: yes("watch", "Stay, and print each new version")
  },
  Effect.fn("Get.run")(function* ({ key, env, version, consistency, raw, watch: stay }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    if (stay && version !== undefined) {
      return yield* usage("--watch and --version exclude each other", "A version never changes: leave --watch out.")
    }
    if (version !== undefined && consistency !== undefined) {
      return yield* usage(
        "--consistency and --version exclude each other",
        "A version never changes: leave --consistency out."
      )
    }
    const read = here
      .call(
        version === undefined
          ? { method: "GET", path: `/v1/config/${segment(key)}`, query: { environment, as: "text", consistency } }
          : {
              method: "GET",
              path: `/v1/config/${segment(key)}/versions/${version}`,
              query: { environment, as: "text" }
            }
      )
      .pipe(Effect.map(({ body }) => body as Found))
    const once = meaning(here, environment, key)(read)
    const outRaw = ({ value }: InText) => shell.out(shell.terminal ? printable(value, true) : value) // PR1
    if (!stay) {
      const found = yield* once
      if (raw) return yield* outRaw(found)
      return yield* here.emit(found, (paint) => asTable(found, paint))
    }
    const print = raw ? { ...here, emitNext: (data: unknown) => outRaw(data as InText) } : here
    const look = read.pipe(
      Effect.map((found) => ({
        data: found,
        asTable: (paint: Paint) => asTable(found, paint),
        fingerprint: `${found.revision} ${found.stale === true}`
      }))
    )
    yield* watch(print, look, { replace: false })
  })
).pipe(
  Command.withDescription("Show a key's current value, or an old version of it"),
  Command.withExamples([
    { command: "herald get user-service", description: "With version, type and author" },
    { command: "herald get user-service --raw > config.json", description: "The value alone" },
    { command: "herald get user-service --version 3", description: "An old version" },
    { command: "herald get user-service --consistency strong", description: "Confirmed with the database" }
  ])
)
