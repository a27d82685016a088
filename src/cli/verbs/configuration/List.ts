/** `herald list [prefix]`: the keys of an environment. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Head, Heads } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { env, invocation, optionalInt, yes } from "../../Globals.ts"
import { nearEnvironments, offer } from "../../Near.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { table } from "../../Table.ts"
import { watch } from "../../Watch.ts"

const PAGE = 1_000

const asTable = (rows: ReadonlyArray<Head>, environment: string, paint: Paint, room?: number): string =>
  rows.length === 0
    ? `no keys in ${printable(environment)}; publish one: herald publish <key> <value> --env ${printable(environment)}`
    : table(
        rows,
        [
          { title: "KEY", value: (row) => row.key, paint: () => paint.bold },
          { title: "VERSION", value: (row) => String(row.version), right: true },
          { title: "REVISION", value: (row) => String(row.revision), right: true },
          {
            title: "MARKS",
            value: (row) => [row.strict ? "strict" : "", row.template ? "template" : ""].filter(Boolean).join(" ")
          },
          { title: "DIGEST", value: (row) => row.digest.slice(0, 12), paint: () => paint.dim }
        ],
        paint,
        room
      )

export const list = Command.make(
  "list",
  {
    prefix: Argument.String("prefix").pipe(
      Argument.withDescription("Only keys that begin with this"),
      Argument.withDefault("")
    ),
    env,
    limit: optionalInt("limit", "At most so many keys; all of them otherwise", "n"),
    watch: yes("watch", "Stay, and print the list again when it changes")
  },
  Effect.fn("List.run")(function* ({ prefix, env, limit, watch: stay }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    const read = Effect.gen(function* () {
      const keys: Array<Head> = []
      let after: string | undefined
      do {
        const size = Math.min(PAGE, (limit ?? Number.POSITIVE_INFINITY) - keys.length)
        const { body } = yield* here.call({
          method: "GET",
          path: "/v1/config",
          query: { environment, prefix, limit: size, after }
        })
        const page = body as Heads
        keys.push(...page.keys)
        after = page.next ?? undefined
      } while (after !== undefined && keys.length < (limit ?? Number.POSITIVE_INFINITY))
      return keys
    })
    if (!stay) {
      const keys = yield* read
      if (keys.length === 0 && prefix === "" && here.format === "table") {
        const meant = yield* nearEnvironments(here, environment)
        if (meant !== undefined && meant.near.length > 0)
          yield* shell.progress(printable(offer(meant.near.map((one) => `--env ${one}`))))
      }
      return yield* here.emit(keys, (paint) => asTable(keys, environment, paint, here.room))
    }
    const look = read.pipe(
      Effect.map((keys) => ({
        data: keys,
        asTable: (paint: Paint) => asTable(keys, environment, paint, here.room),
        fingerprint: keys.map((row) => `${row.key} ${row.revision}`).join("\n")
      }))
    )
    yield* watch(here, look, { replace: true })
  })
).pipe(
  Command.withDescription("List the keys of an environment"),
  Command.withExamples([
    { command: "herald list", description: "Every key in production" },
    { command: "herald list user-service --env staging", description: "Keys that begin with user-service" }
  ])
)
