/** `herald history <key>`: every version, newest first. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Configuration, History, InText } from "../../../edge/http/configuration/Wire.ts"
import { candidacy } from "../../Candidacy.ts"
import { env, invocation } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning } from "../../Near.ts"
import { Shell } from "../../Shell.ts"
import { clip, TEXT, table, time } from "../../Table.ts"

const PAGE = 1_000

export const history = Command.make(
  "history",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key whose versions are listed")),
    env,
    limit: Flag.Int("limit").pipe(
      Flag.withDescription("At most so many versions"),
      Flag.withMetavar("n"),
      Flag.withDefault(20)
    )
  },
  Effect.fn("History.run")(function* ({ key, env, limit }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    const versions: Array<Configuration & InText> = []
    let before: number | undefined
    while (true) {
      const { body } = yield* here
        .call({
          method: "GET",
          path: `/v1/config/${segment(key)}/history`,
          query: { environment, as: "text", limit: Math.min(PAGE, limit - versions.length), before }
        })
        .pipe(meaning(here, environment, key))
      const page = body as History
      versions.push(...(page.versions as ReadonlyArray<Configuration & InText>))
      before = page.next ?? undefined
      if (before === undefined || versions.length >= limit) break
      yield* shell.progress(`${versions.length} versions so far`)
    }
    yield* here.emit(versions, (paint) =>
      table(
        versions,
        [
          { title: "VERSION", value: (row) => String(row.version), right: true, paint: () => paint.bold },
          { title: "REVISION", value: (row) => String(row.revision), right: true },
          { title: "WHEN", value: (row) => time(row.updatedAt), timed: true },
          { title: "WHO", value: (row) => row.updatedBy },
          { title: "TYPE", value: (row) => row.type },
          { title: "MESSAGE", value: (row) => clip(row.message, 40), text: TEXT },
          ...candidacy(versions, paint),
          {
            title: "VALUE",
            value: (row) => (row.deleted ? "deleted" : clip(row.value, 50)),
            paint: (row) => (row.deleted ? paint.red : undefined)
          }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("List the versions of a key, newest first"),
  Command.withExamples([{ command: "herald history user-service --limit 5", description: "The last five" }])
)
