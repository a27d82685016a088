/** `herald rollout instances`: who has it, and how they are. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Look, RolloutInstances } from "../../../edge/http/rollouts/Wire.ts"
import { conditions } from "../../../rollouts/Evidence.ts"
import { printable } from "../../../text/Printable.ts"
import { env, invocation, optionalInt } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { ago, TEXT, table } from "../../Table.ts"
import { pathOf } from "./Live.ts"
import { isOver, wordOf } from "./Told.ts"

const PAGE = 500
const SHOWN = 100

export const instances = Command.make(
  "instances",
  {
    id: Argument.String("id").pipe(Argument.withDescription("Its id (herald rollout list)")),
    env,
    is: Flags.Literals("is", conditions).pipe(
      Flags.withDescription("Only those that are so"),
      Flags.optional,
      Flags.map(Option.getOrUndefined)
    ),
    limit: optionalInt("limit", `At most so many; ${SHOWN} unless given`, "n")
  },
  Effect.fn("Rollout.instances")(function* ({ id, env, is, limit = SHOWN }) {
    const here = yield* invocation
    const shell = yield* Shell
    const environment = here.environment(env)
    const found: Array<RolloutInstances["instances"][number]> = []
    let after: string | undefined
    do {
      const query = { environment, is, limit: Math.min(PAGE, limit - found.length), after }
      const page = (yield* here.call({ method: "GET", path: pathOf(id, "/instances"), query })).body as RolloutInstances
      found.push(...page.instances)
      after = page.next ?? undefined
    } while (after !== undefined && found.length < limit)
    const now = yield* shell.now
    const of =
      found.length === 0 && here.format === "table"
        ? ((yield* here.call({ method: "GET", path: pathOf(id), query: { environment } })).body as Look)
        : undefined
    const none =
      of !== undefined && isOver(of)
        ? `${of.id} is ${wordOf(of)}: its instances are looked at no more; what was known of them is in herald rollout history ${of.id} --env ${environment}`
        : `no instance of its cohort ${is === undefined ? "is known" : `is ${is}`}`
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? printable(none)
        : table(
            found,
            [
              { title: "INSTANCE", value: (row) => `${row.service}/${row.instance}`, paint: () => paint.bold },
              { title: "STAGE", value: (row) => String(row.stage), right: true },
              {
                title: "IS",
                value: (row) => row.is,
                paint: (row) =>
                  row.is === "healthy" || row.is === "applied"
                    ? paint.green
                    : row.is === "unhealthy" || row.is === "rejected" || row.is === "gone"
                      ? paint.red
                      : paint.yellow
              },
              { title: "SINCE", value: (row) => ago(row.at, now) },
              { title: "WHY", value: (row) => row.reason, text: TEXT }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("Show the instances of a rollout's cohort: who has it, and how they are"),
  Command.withExamples([
    { command: "herald rollout instances r1042 --is rejected", description: "Who refused it, and why" }
  ])
)
