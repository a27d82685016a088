/** `herald settings`: what a server that is started here would go by. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Found } from "../../../settings/Resolve.ts"
import { known } from "../../CliFailure.ts"
import { data, invocation, optionalText } from "../../Globals.ts"
import { readFile } from "../../Input.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { TEXT, table } from "../../Table.ts"

const asTable = (rows: ReadonlyArray<Found>, paint: Paint, room: number): string =>
  table(
    rows,
    [
      { title: "SETTING", value: (row) => row.setting, paint: () => paint.bold },
      { title: "ENVIRONMENT", value: (row) => row.environment, paint: () => paint.dim },
      { title: "VALUE", value: (row) => row.shown, text: TEXT },
      { title: "FROM", value: (row) => (row.at === "" ? row.from : `${row.from} ${row.at}`) }
    ],
    paint,
    room
  )

export const settings = Command.make(
  "settings",
  { config: optionalText("config", "Settings in YAML; HERALD_CONFIG", "file") },
  Effect.fn("Settings.run")(function* ({ config }) {
    const shell = yield* Shell
    const here = yield* invocation
    const path = config ?? (shell.env["HERALD_CONFIG"] || undefined)
    const file = path === undefined ? undefined : { path, content: yield* readFile(path) }
    // Late: the other verbs don't need a reader of YAML.
    const { resolveSettings } = yield* Effect.promise(() => import("../../../settings/Resolve.ts"))
    const resolved = resolveSettings({ env: shell.env, file, dataDir: yield* data, hostname: shell.hostname })
    if (Result.isFailure(resolved)) return yield* known("SettingsInvalid", resolved.failure)
    const { found, warnings } = resolved.success
    for (const warning of warnings) yield* shell.progress(`warning: ${warning}`)
    const rows = found.map(({ setting, environment, shown, from, at }) => ({
      setting,
      environment,
      value: shown,
      from,
      at
    }))
    yield* here.emit(rows, (paint) => asTable(found, paint, here.room))
  })
).pipe(
  Command.withDescription(
    "Show every setting of a server started here, and where its value comes from; secrets are redacted"
  ),
  Command.withShortDescription("Show the settings and where they come from"),
  Command.withExamples([
    { command: "herald settings", description: "From the environment and HERALD_CONFIG" },
    { command: "herald settings --config herald.yaml --output json", description: "With a file, for a program" }
  ])
)
