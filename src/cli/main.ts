/**
 * The `herald` command. Imports of effect are deep here and below: the whole of it would cost more start-up time than the work.
 *
 *   CM1  Results go to standard output; progress, help on wrong usage and errors to standard error.
 *   CM2  The exit code is the catalogue's; 2 for wrong usage; 130 after Ctrl-C.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { run } from "./Herald.ts"
import { shell } from "./Process.ts"

// A reader that went away (`herald list | head -1`) is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))
}

const fiber = Effect.runFork(run(process.argv.slice(2), shell).pipe(Effect.provide(NodeServices.layer)))
let signalled = 0
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
  ["SIGQUIT", 131]
] as const) {
  process.once(signal, () => {
    signalled = code
    Effect.runFork(Fiber.interrupt(fiber))
  })
}
fiber.addObserver((exit) => process.exit(exit._tag === "Success" ? exit.value : signalled || 1))
