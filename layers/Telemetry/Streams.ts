/**
 * Takes care of the process's own streams and signals: what Node would print by itself becomes lines of the log, and a reader that goes away
 * does not end the server.
 *
 *   LL3  Warnings of Node and an uncaught exception are lines like any other. After such an exception the process ends with code 1.
 *   LL4  A reader of stdout or stderr that goes away, as in `npm start | head`, costs only what it would have read.
 *   LL5  A terminal that is closed (SIGHUP) stops the server as SIGTERM does.
 *   LL6  `npm start` and `npx` pass a signal only to a shell, which does not pass it on: when that shell is gone the server stops.
 */
import { Cause, Effect } from "effect"

/** The flag that Node's own printer of warnings heeds. */
const DISABLE = "--disable-warning="

/** Takes over what Node prints, until the process ends. LL3 */
export const own: Effect.Effect<void> = Effect.gen(function* () {
  const log = Effect.runForkWith(yield* Effect.context<never>())
  process.removeAllListeners("warning") // Node's own, which prints
  const disabled = new Set(
    process.execArgv.flatMap((flag) => (flag.startsWith(DISABLE) ? [flag.slice(DISABLE.length)] : []))
  )
  process.on("warning", ({ name, message, ...rest }) => {
    if (disabled.has(name) || disabled.has(String((rest as { readonly code?: unknown }).code))) return
    log(Effect.logWarning("Node warns", { warning: name, reason: message }))
  })
  process.on("uncaughtException", (error) => {
    log(Effect.logError("an exception that nobody caught ends the process", Cause.die(error)))
    process.exit(1)
  })
})

/** Milliseconds between two looks whether the shell is there. LL6 */
const LOOK = 500

/** To be called before anything is written. LL4, LL5, LL6 */
export const keepGoing = (): void => {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  process.once("SIGHUP", () => void process.emit("SIGTERM"))
  if (process.env["npm_lifecycle_event"] === undefined) return
  const shell = process.ppid
  const look = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(look)
    process.emit("SIGTERM")
  }, LOOK).unref()
}
