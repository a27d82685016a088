/**
 * `herald edit <key>`: a value in an editor, as `kubectl edit`.
 *
 *   ED3  What is published expects the version that was opened: a change in between is never overwritten.
 *   ED4  What was refused is opened again with the reason at its top, as long as a person goes on; what was typed is never lost. Who
 *        leaves again what was refused has ended it: a program that stands for the editor would go on for ever.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Configuration, InText, Published } from "../../../edge/http/configuration/Wire.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning } from "../../Near.ts"
import { Shell } from "../../Shell.ts"
import { waitFlags, waitingOf } from "../fleet/Wait.ts"
import { shownOf, textOf, valueOf } from "./EditFile.ts"
import { toldOne } from "./Told.ts"

/** Refusals that another text may answer; anything else would be the same again. */
const isOfValue = (failure: CliFailure): boolean => failure.exit === 3 || failure.exit === 2

export const edit = Command.make(
  "edit",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key to change")),
    env,
    message,
    idempotencyKey,
    ...waitFlags
  },
  Effect.fn("Edit.run")(function* ({ key, env, message, idempotencyKey, wait, timeout }) {
    const shell = yield* Shell
    const here = yield* invocation
    const waiting = yield* waitingOf({ wait, timeout })
    const environment = here.environment(env)
    if (!shell.inputTerminal)
      return yield* usage("an editor needs a terminal", "Use herald publish with @file or - in a script.")
    const program = shell.env["HERALD_EDITOR"] || shell.env["VISUAL"] || shell.env["EDITOR"] || "vi"
    const { body } = yield* here
      .call({
        method: "GET",
        path: `/v1/config/${segment(key)}`,
        query: { environment, as: "text", consistency: "strong" }
      })
      .pipe(meaning(here, environment, key))
    const opened = body as Configuration & InText
    const shown = shownOf(opened)
    const name = `${key.replace(/[^A-Za-z0-9._-]/g, "_").slice(-100)}.${opened.type === "string" ? "txt" : opened.type}`
    let errors: ReadonlyArray<string> = []
    let text = shown
    let path: string | undefined
    let refused: string | undefined
    // Whoever leaves in the middle of publishing; the editor's own end is told by the shell.
    yield* Effect.addFinalizer((exit) =>
      path !== undefined && exit._tag === "Failure" && exit.cause.reasons.some(({ _tag }) => _tag === "Interrupt")
        ? shell.progress(`what you typed is kept in ${path}`)
        : Effect.void
    )
    const done = (said: string) =>
      Effect.andThen(path === undefined ? Effect.void : shell.removeFile(path), shell.progress(said))
    while (true) {
      const before = textOf(opened, text, errors)
      if (path !== undefined) yield* shell.removeFile(path)
      path = undefined
      const edited = yield* shell.edit(program, name, before, errors.length > 0)
      path = edited.path
      const value = valueOf(edited.text, text)
      if (edited.text.trim() === "") return yield* done("the file was emptied: nothing changed")
      const again = errors.length > 0 && (edited.text === before || edited.text === refused) // ED4
      refused = edited.text
      if (value === undefined && again)
        return yield* usage(
          "the line above the value is missing again",
          `Keep it; or publish the file as it is: herald publish ${key} @${path} --env ${environment}`
        )
      if (value === undefined) {
        errors = [
          "The line above the value is missing, so where it begins is not known. It is back, with what you opened."
        ]
        yield* shell.progress(`what you typed is kept in ${path}`)
        path = undefined
        text = shown
        continue
      }
      if (again) return yield* usage(`nothing changed: ${key} is still refused`, `What you typed is kept in ${path}.`)
      if (value === shown || value === opened.value) return yield* done("nothing changed")
      const published = yield* Effect.result(
        here.call({
          method: "PUT",
          path: `/v1/config/${segment(key)}`,
          query: { environment },
          body: {
            value,
            type: opened.type,
            expectedVersion: opened.version,
            ...(message === undefined ? {} : { message })
          },
          idempotencyKey
        })
      )
      if (published._tag === "Success") {
        yield* shell.removeFile(path)
        path = undefined
        return yield* toldOne(here, "published", published.success.body as Published, waiting)
      }
      const { failure } = published
      if (!isOfValue(failure)) {
        return yield* new CliFailure({
          ...failure,
          fix: `${failure.fix}\nWhat you typed is kept in ${path}`
        })
      }
      errors = [`${failure.code} ${failure.title}`.trim(), failure.what, failure.fix].filter((line) => line !== "")
      text = value
    }
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Change a key's value in your editor ($HERALD_EDITOR, $VISUAL, $EDITOR, otherwise vi) and publish what you saved"
  ),
  Command.withShortDescription("Change a value in your editor"),
  Command.withExamples([
    { command: "herald edit user-service", description: "In production" },
    {
      command: `EDITOR="code --wait" herald edit user-service --env staging --wait`,
      description: "With another editor"
    }
  ])
)
