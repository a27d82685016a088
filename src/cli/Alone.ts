/**
 * One process at a time changes a file of the user's: who does says so in a file beside it, which is made or is there, never both.
 *
 *   KL1  Whoever holds it is alone, also where several find at once that the one before was killed.
 *   KL2  What somebody left behind who was killed holds nobody up; one that lives is waited for, for `PATIENCE` at most.
 */
import { mkdir, open, readFile, realpath, rm } from "node:fs/promises"
import { hostname } from "node:os"
import { dirname } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type CliFailure, usage } from "./CliFailure.ts"

/** Milliseconds. KL2 */
const PATIENCE = 10_000
const AGAIN = 20

const ME = `${process.pid} ${hostname()}`

/** False: there is one. */
const made = async (path: string): Promise<boolean> => {
  try {
    const file = await open(path, "wx", 0o600)
    try {
      await file.writeFile(ME)
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false
    throw error
  }
}

/** Whose it is, and no process of this machine has that number. */
const isLeft = async (path: string): Promise<boolean> => {
  const [pid = "", host] = (await readFile(path, "utf8").catch(() => "")).split(" ")
  if (host !== hostname() || !/^\d+$/.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH"
  }
}

/** Only who holds `<path>.left` takes away what was left: else it could be the next one's by then. KL1 */
const taken = async (path: string): Promise<boolean> => {
  if (await made(path)) return true
  if (!(await isLeft(path)) || !(await made(`${path}.left`))) return false
  try {
    if (await isLeft(path)) await rm(path, { force: true })
  } finally {
    await rm(`${path}.left`, { force: true })
  }
  return made(path)
}

const lockOf = async (path: string): Promise<string> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  return `${await realpath(path).catch(() => path)}.lock`
}

const trying = <A>(path: string, act: () => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({
    try: act,
    catch: (error) =>
      usage(`${path}: ${error instanceof Error ? error.message : String(error)}`, "Give its folder to this user.")
  })

const held = Effect.fnUntraced(function* (path: string, patience: number) {
  const lock = yield* trying(path, () => lockOf(path))
  const start = yield* Clock.monotonicTimeNanos
  while (!(yield* trying(path, () => taken(lock)))) {
    if (Number((yield* Clock.monotonicTimeNanos) - start) / 1e6 > patience)
      return yield* usage(
        `another herald has been changing ${path} for ${patience / 1000} s`,
        `Wait for it. Where there is none: rm ${lock}`
      )
    yield* Effect.sleep(AGAIN)
  }
  return lock
})

/** KL1, KL2 */
export const alone = <A, E, R>(
  path: string,
  effect: Effect.Effect<A, E, R>,
  patience = PATIENCE
): Effect.Effect<A, E | CliFailure, R> =>
  Effect.acquireUseRelease(
    held(path, patience).pipe(Effect.interruptible),
    () => effect,
    (lock) => Effect.promise(() => rm(lock, { force: true }))
  )
