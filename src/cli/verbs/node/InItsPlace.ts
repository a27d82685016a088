/** The server in the place of this process: `herald start`, and what the server does on its own host. */
import * as Effect from "effect/Effect"
import { CliFailure } from "../../CliFailure.ts"
import { Shell } from "../../Shell.ts"

/** Fails with the server's exit code. */
export const inItsPlace = Effect.fnUntraced(function* (args: ReadonlyArray<string>, env: Record<string, string> = {}) {
  const shell = yield* Shell
  const code = yield* shell.runServer(args, env)
  if (code === 0) return
  return yield* new CliFailure({
    code: "",
    title: `The server ended with exit code ${code}`,
    what: "",
    why: "Its own last lines say why.",
    fix: "",
    exit: code,
    trace: "",
    retryable: false,
    retryAfter: 0
  })
})
