/** `herald diff`: what changed between two versions of a key, or between a folder and what is there. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { DiffResult } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { showDifference } from "../../DiffView.ts"
import { env, invocation } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning } from "../../Near.ts"
import { drift } from "../code/Drift.ts"
import { optionalFolder } from "../code/Flags.ts"
import { versionOf } from "./Before.ts"

const optional = <A>(argument: Argument.Argument<A>) =>
  argument.pipe(Argument.optional, Argument.map(Option.getOrUndefined))

export const diff = Command.make(
  "diff",
  {
    key: optional(Argument.String("key").pipe(Argument.withDescription("The key whose versions are compared"))),
    from: optional(Argument.Int("from").pipe(Argument.withDescription("A version"))),
    to: optional(Argument.Int("to").pipe(Argument.withDescription("Another version"))),
    env,
    folder: optionalFolder
  },
  Effect.fn("Diff.run")(function* ({ key, from, to, env, folder }) {
    if (folder !== undefined) {
      if (key !== undefined)
        return yield* usage(`--folder compares a whole folder, not ${key}`, "Leave out the key, or --folder.")
      return yield* drift(folder, env)
    }
    if (key === undefined || from === undefined || to === undefined)
      return yield* usage(
        "a key and two of its versions are compared, or a folder with what is there",
        "Give a key and two versions: herald diff user-service 3 4; or a folder: herald diff -f herald"
      )
    const here = yield* invocation
    const { body } = yield* here
      .call({
        method: "GET",
        path: `/v1/config/${segment(key)}/diff`,
        query: { environment: here.environment(env), from, to }
      })
      .pipe(meaning(here, here.environment(env), key))
    const found = body as DiffResult
    const before =
      here.format === "table" && found.difference.kind === "json"
        ? yield* versionOf(here, here.environment(env), key, from)
        : undefined
    yield* here.emit(
      found,
      (paint) =>
        `${paint.bold(printable(found.key))} in ${printable(found.environment)}, ` +
        `version ${found.from} → ${found.to}\n${showDifference(found.difference, paint, before?.value)}`
    )
  })
).pipe(
  Command.withDescription(
    "Show what changed between two versions of a key: a JSON Patch for JSON, lines for text. Or between what is there and a folder: exit code 0: nothing; 1: something; 2: it can't be told"
  ),
  Command.withShortDescription("Show what changed between two versions, or differs from a folder"),
  Command.withExamples([
    { command: "herald diff user-service 3 4", description: "From version 3 to version 4" },
    { command: "herald diff user-service 3 4 --output json", description: "The JSON Patch itself" },
    { command: "herald diff -f herald --env production", description: "Whether production is what the folder says" }
  ])
)
