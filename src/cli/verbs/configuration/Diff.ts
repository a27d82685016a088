/** `herald diff <key> <from> <to>`: what changed between two versions. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { DiffResult } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { showDifference } from "../../DiffView.ts"
import { env, invocation } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning } from "../../Near.ts"
import { versionOf } from "./Before.ts"

export const diff = Command.make(
  "diff",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key whose versions are compared")),
    from: Argument.Int("from").pipe(Argument.withDescription("A version")),
    to: Argument.Int("to").pipe(Argument.withDescription("Another version")),
    env
  },
  Effect.fn("Diff.run")(function* ({ key, from, to, env }) {
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
  Command.withDescription("Show what changed between two versions: a JSON Patch for JSON, lines for text"),
  Command.withShortDescription("Show what changed between two versions"),
  Command.withExamples([
    { command: "herald diff user-service 3 4", description: "From version 3 to version 4" },
    { command: "herald diff user-service 3 4 --output json", description: "The JSON Patch itself" }
  ])
)
