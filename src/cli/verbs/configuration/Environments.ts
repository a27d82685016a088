/** `herald env list`: the environments that one may read. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { invocation } from "../../Globals.ts"
import { environmentsOf } from "../../Near.ts"
import { table } from "../../Table.ts"

const list = Command.make(
  "list",
  {},
  Effect.fn("Environments.list")(function* () {
    const here = yield* invocation
    const found = yield* environmentsOf(here)
    const current = here.environment(undefined)
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? "no environment has a key yet; publish one: herald publish <key> <value> --env <name>"
        : table(
            found,
            [
              { title: "ENVIRONMENT", value: (row) => row.environment, paint: () => paint.bold },
              { title: "KEYS", value: (row) => String(row.keys), right: true },
              { title: "", value: (row) => (row.environment === current ? "used unless --env says otherwise" : "") }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List the environments that have a key and that you may read"),
  Command.withExamples([{ command: "herald env list", description: "With how many keys each has" }])
)

export const environments = Command.make("env").pipe(
  Command.withDescription("See which environments there are"),
  Command.withSubcommands([list])
)
