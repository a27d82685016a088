/** `--watch`: asks again every second, prints when the answer differs, and outlives a restart of the server. */
import * as Effect from "effect/Effect"
import type { CliFailure } from "./CliFailure.ts"
import { render } from "./CliFailure.ts"
import type { Invocation } from "./Globals.ts"
import type { Paint } from "./Paint.ts"
import { Shell } from "./Shell.ts"

export interface Look {
  readonly data: unknown
  readonly asTable: (paint: Paint) => string
  /** What decides whether it differs; ages and clocks stay out of it. */
  readonly fingerprint: string
}

/** The terminal's other screen, which leaves what was there before as it was; and the way back. */
const ENTER = "\u001b[?1049h\u001b[?25l"
const LEAVE = "\u001b[?25h\u001b[?1049l"
const CLEAR = "\u001b[H\u001b[2J"

/** So many lines as the screen has, and how many are below. */
const fits = (text: string, rows: number): string => {
  const lines = text.split("\n")
  if (rows === 0 || lines.length < rows) return text
  return [...lines.slice(0, rows - 2), `… ${lines.length - rows + 2} more lines`].join("\n")
}

/** `replace`: a terminal shows only the newest, on its other screen, and has its own back however this ends. */
export const watch = Effect.fn("Watch.watch")(function* <R>(
  here: Invocation,
  look: Effect.Effect<Look, CliFailure, R>,
  options: { readonly replace: boolean }
) {
  const shell = yield* Shell
  const screen = options.replace && here.format === "table" && shell.terminal
  if (screen) {
    yield* Effect.addFinalizer(() => shell.steer(LEAVE))
    yield* shell.steer(ENTER)
  }
  let before: string | undefined
  let down = false
  while (true) {
    const found = yield* Effect.result(look)
    if (found._tag === "Success") {
      if (down) yield* shell.progress("connected again")
      down = false
      if (found.success.fingerprint !== before) {
        if (screen) yield* shell.steer(CLEAR)
        const { data, asTable } = found.success
        yield* here.emitNext(data, screen ? (paint) => fits(asTable(paint), shell.rows()) : asTable)
        before = found.success.fingerprint
      }
    } else {
      const gone = found.failure.exit === 4 && before !== undefined
      if (!found.failure.retryable && !gone) return yield* found.failure
      if (!down) yield* shell.progress(`${render(found.failure, here.errorPaint)}\nwaiting for it …`)
      down = true
    }
    yield* Effect.sleep("1 second")
  }
}, Effect.scoped)
