/** What a user may give as a value: the text itself, `@file`, or `-` for standard input. */
import * as Effect from "effect/Effect"
import { usage } from "./CliFailure.ts"
import { Shell } from "./Shell.ts"

/** A final newline of a file or pipe is an editor's, not the value's: exactly one is dropped. */
const withoutFinalNewline = (text: string): string => text.replace(/\r?\n$/, "")

export const readValue = Effect.fn("Input.readValue")(function* (argument: string) {
  const shell = yield* Shell
  if (argument === "-") return withoutFinalNewline(yield* shell.stdin)
  if (argument.startsWith("@@")) return argument.slice(1)
  if (argument.startsWith("@")) {
    if (argument.length === 1)
      return yield* usage("a file name is missing after @", "Write @path/to/file, or @@ for a text that begins with @.")
    return withoutFinalNewline(yield* shell.readFile(argument.slice(1)))
  }
  return argument
})

/** `--schema @file` or the JSON itself; `none` takes the schema away. */
export const readSchema = Effect.fn("Input.readSchema")(function* (argument: string | undefined) {
  if (argument === undefined) return undefined
  if (argument === "none") return null
  const text = yield* readValue(argument)
  return yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (error) =>
      usage(`the schema is not JSON: ${(error as Error).message}`, "Give --schema @file.json, JSON text, or none.")
  })
})
