/**
 * What a user may give as a value: the text itself, `@file`, or `-` for standard input.
 *
 *   IN1  A text arrives byte for byte, or is refused: what is not UTF-8, what is too large, what the shell's encoding already broke.
 *   IN2  No more is read than may be given.
 */
import * as Effect from "effect/Effect"
import { VALUE_BYTES } from "../values/Limits.ts"
import { usage } from "./CliFailure.ts"
import { Shell } from "./Shell.ts"

/** Bytes of any other file. */
const LARGEST_FILE = 8 * 1_048_576

/** A byte order mark is part of the text: what it is good for is for its reader to say. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** `source`: a path, or `-`. `ending`: bytes of a final newline, which do not count. IN1, IN2. */
const read = Effect.fnUntraced(function* (source: string, largest: number, ending: number, thing: string) {
  const shell = yield* Shell
  const what = source === "-" ? "standard input" : source
  const most = largest + ending
  const bytes = yield* source === "-" ? shell.stdin(most) : shell.readFile(source, most)
  if (bytes.byteLength > most)
    return yield* usage(`${what} has more than ${largest} bytes`, `A ${thing} may have at most ${largest} bytes.`)
  return yield* Effect.try({
    try: () => decoder.decode(bytes),
    catch: () => usage(`${what} is not valid UTF-8`, "Save it as UTF-8.")
  })
})

/** A whole file, or standard input: without the byte order mark of its encoding. */
export const readFile = Effect.fn("Input.readFile")(function* (source: string) {
  const text = yield* read(source, LARGEST_FILE, 0, "file")
  return text.startsWith("\ufeff") ? text.slice(1) : text
})

/** A final newline of a file or pipe is an editor's, not the value's: exactly one is dropped. */
const withoutFinalNewline = (text: string): string => text.replace(/\r?\n$/, "")

const readContent = (source: string) => read(source, VALUE_BYTES, 2, "value").pipe(Effect.map(withoutFinalNewline))

export const readValue = Effect.fn("Input.readValue")(function* (argument: string) {
  if (argument === "-") return yield* readContent("-")
  // What is not UTF-8 on a command line has become U+FFFD before anyone sees it. IN1
  if (argument.includes("\ufffd") || !argument.isWellFormed()) {
    return yield* usage(
      "the value has the character U+FFFD, which stands for bytes that are not UTF-8",
      "Give it as @file or through standard input."
    )
  }
  if (argument.startsWith("@@")) return argument.slice(1)
  if (argument.startsWith("@")) {
    if (argument.length === 1)
      return yield* usage("a file name is missing after @", "Write @path/to/file, or @@ for a text that begins with @.")
    return yield* readContent(argument.slice(1))
  }
  return argument
})

/** `--schema @file` or the JSON itself; `none` takes the schema away. */
export const readSchema = Effect.fn("Input.readSchema")(function* (argument: string | undefined) {
  if (argument === undefined) return undefined
  if (argument === "none") return null
  const text = yield* readValue(argument)
  const { readCarrier } = yield* Effect.promise(() => import("../values/Written.ts"))
  const schema = readCarrier(text.replace(/^\ufeff/, ""), "nothing")
  return schema._tag === "Success"
    ? schema.success
    : yield* usage(
        `the schema is not JSON that can be used: ${schema.failure}`,
        "Give --schema @file.json, JSON text, or none."
      )
})
