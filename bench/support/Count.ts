/**
 * Loaded into a measured server: SIGUSR2 collects its garbage and says on stderr what is left:
 * `collected {"heap": <bytes>, "sessions": <Session objects that something still holds>}`.
 */
import { queryObjects } from "node:v8"
import { isMainThread } from "node:worker_threads"
import { Session } from "../../src/sessions/Session.ts"
import type { Left } from "./Left.ts"

const collect = (globalThis as { readonly gc?: () => void }).gc
if (isMainThread)
  process.on("SIGUSR2", () => {
    collect?.()
    collect?.()
    const left: Left = { sessions: queryObjects(Session, { format: "count" }), heap: process.memoryUsage().heapUsed }
    process.stderr.write(`collected ${JSON.stringify(left)}\n`)
  })
