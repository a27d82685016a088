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

/** Empties a terminal. */
export const CLEAR = "\u001b[H\u001b[2J"

/** `replace`: a terminal shows only the newest. */
export const watch = Effect.fn("Watch.watch")(function* <R>(
  here: Invocation,
  look: Effect.Effect<Look, CliFailure, R>,
  options: { readonly replace: boolean }
) {
  const shell = yield* Shell
  let before: string | undefined
  let down = false
  while (true) {
    const found = yield* Effect.result(look)
    if (found._tag === "Success") {
      if (down) yield* shell.progress("connected again")
      down = false
      if (found.success.fingerprint !== before) {
        if (options.replace && here.format === "table" && shell.terminal) yield* shell.out(CLEAR)
        yield* here.emitNext(found.success.data, found.success.asTable)
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
})
