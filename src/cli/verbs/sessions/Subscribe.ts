/** `herald subscribe <service>`: each update as a client sees it, for as long as one looks. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { printable } from "../../../text/Printable.ts"
import { contentChange, SOME, shortened, wholeContent } from "../../DiffView.ts"
import { env, invocation, labels, optionalText } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { time } from "../../Table.ts"
import { follow, type Show } from "./Stream.ts"

type Update = Parameters<Show>[0]

const headline = (update: Update, deleted: boolean, paint: Paint): string =>
  [
    paint.dim(time(Number(update.committedAtMs))),
    paint.bold(printable(update.key)),
    deleted ? paint.red(`deleted in version ${update.version}`) : `version ${update.version}`,
    `revision ${update.revision}`,
    ...(deleted ? [] : [printable(update.format)]),
    printable(update.environment),
    ...(update.strict ? ["strict"] : []),
    ...(update.stale ? [paint.yellow("stale")] : [])
  ].join("  ")

/** RFC 3339; null where it is no time. */
const stampOf = (millis: bigint): string | null => {
  const date = new Date(Number(millis))
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}

const indent = (text: string): string => text.replace(/^/gm, "  ")

export const subscribe = Command.make(
  "subscribe",
  {
    service: Argument.String("service").pipe(
      Argument.withDescription(
        "The service to receive as: its keys are <service> and <service>.* unless --keys names others"
      )
    ),
    env,
    instance: optionalText("instance", "Name of this client; host and process otherwise", "name"),
    keys: optionalText("keys", "Keys or prefix.*, separated by commas; <service> and <service>.* otherwise", "a,b.*"),
    labels
  },
  Effect.fn("Subscribe.run")(function* ({ service, env, instance, keys, labels }) {
    const shell = yield* Shell
    const here = yield* invocation
    const show: Show = (update, content, before) =>
      Effect.gen(function* () {
        const deleted = (update.kind as number) === 1
        const change =
          before === undefined || deleted || here.format !== "table"
            ? undefined
            : shortened(
                yield* Effect.promise(() => contentChange(before.content, content, here.paint)),
                SOME,
                here.paint
              )
        const data = {
          event: deleted ? "deleted" : "update",
          key: update.key,
          environment: update.environment,
          version: Number(update.version),
          revision: Number(update.revision),
          epoch: update.epoch,
          ...(deleted ? {} : { format: update.format, content, digest: update.digest }),
          previousVersion: before?.version ?? null,
          stale: update.stale,
          strict: update.strict,
          committedAt: Number(update.committedAtMs),
          committedTime: stampOf(update.committedAtMs)
        }
        yield* here.emitNext(data, (paint) =>
          deleted
            ? headline(update, true, paint)
            : `${headline(update, false, paint)}\n${indent(change ?? wholeContent(content))}`
        )
      })
    yield* follow(
      here.target,
      {
        service,
        instance: instance ?? `${shell.hostname}-cli-${shell.pid}`,
        environment: here.environment(env),
        keys: (keys ?? "")
          .split(",")
          .map((one) => one.trim())
          .filter(Boolean),
        labels
      },
      show
    )
  })
).pipe(
  Command.withDescription(
    "Receive updates as a client of a service does, and show what changed. Stays through restarts of the server; Ctrl-C ends it"
  ),
  Command.withShortDescription("See each update as it arrives"),
  Command.withExamples([
    { command: "herald subscribe user-service --env production", description: "Its key and everything below it" },
    {
      command: "herald subscribe user-service --keys user-service,shared.* --label region=eu",
      description: "Named keys"
    },
    { command: "herald subscribe user-service --output json | jq .version", description: "One JSON object a line" }
  ])
)
