/**
 * Reads a checkout of source code, as git sees it.
 *
 *   GX1  What git ignores is not read, and nothing that is no regular file: a link leads nowhere outside.
 *   GX2  Nothing that a checkout says is run, such as its hooks or its file system monitor.
 *   GX3  It has at most `FILES` files, each at most `FILE_BYTES`; what is larger, and what is binary, is skipped, and counted.
 */
import { spawn } from "node:child_process"
import { constants } from "node:fs"
import { open, readdir, realpath } from "node:fs/promises"
import { dirname, isAbsolute, join, relative, sep } from "node:path"
import * as Effect from "effect/Effect"
import { type CliFailure, usage } from "./CliFailure.ts"

export const FILES = 200_000
export const FILE_BYTES = 1_048_576

export interface Checkout {
  /** Paths from its folder, with slashes, sorted. */
  readonly files: ReadonlyArray<string>
  /** There are more than `FILES`. */
  readonly more: boolean
  /** False: git is not there, or it is no checkout. */
  readonly git: boolean
  /** What git calls them; "" where it does not know. */
  readonly origin: string
  readonly branch: string
  readonly commit: string
  /** Undefined: it is binary, too large, or no regular file. GX1, GX3 */
  readonly read: (file: string) => Effect.Effect<string | undefined>
}

/** GX2 */
const QUIET = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false"]
const MOST = 64 * 1_048_576

/** What git prints, undefined where it fails or is not there. */
const git = (folder: string, ...args: ReadonlyArray<string>): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = spawn("git", ["-C", folder, ...QUIET, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0" }
    })
    const chunks: Array<Buffer> = []
    let size = 0
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.byteLength
      if (size <= MOST) chunks.push(chunk)
    })
    child.on("error", () => resolve(undefined))
    child.on("close", (code) => resolve(code === 0 ? Buffer.concat(chunks).toString() : undefined))
  })

/** Where there is no git: all but folders that hold no code of one's own. */
const walk = async (folder: string): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  const folders = [""]
  while (folders.length > 0 && found.length <= FILES) {
    const at = folders.pop()!
    for (const entry of await readdir(join(folder, at), { withFileTypes: true }).catch(() => [])) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`
      if (entry.isFile()) found.push(path)
      else if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") folders.push(path)
    }
  }
  return found
}

/** Whether a file's folder is in the checkout: a link in the middle of a path may lead outside. GX1 */
const staying = (folder: string) => {
  const root = realpath(folder)
  const known = new Map<string, Promise<boolean>>()
  const stays = async (within: string): Promise<boolean> => {
    const found = relative(await root, await realpath(join(folder, within)))
    return found !== ".." && !found.startsWith(`..${sep}`) && !isAbsolute(found)
  }
  return (file: string): Promise<boolean> => {
    const within = dirname(file)
    let answer = known.get(within)
    if (answer === undefined) known.set(within, (answer = stays(within).catch(() => false)))
    return answer
  }
}

/** GX1, GX3 */
const textOf = async (path: string): Promise<string | undefined> => {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch(
    () => undefined
  )
  if (file === undefined) return undefined
  try {
    const { size } = await file.stat().then((stat) => (stat.isFile() ? stat : { size: FILE_BYTES + 1 }))
    if (size > FILE_BYTES) return undefined
    const bytes = await file.readFile()
    return bytes.byteLength > FILE_BYTES || bytes.subarray(0, 8_192).includes(0) ? undefined : bytes.toString()
  } catch {
    return undefined
  } finally {
    await file.close()
  }
}

export const checkout = (folder: string): Effect.Effect<Checkout, CliFailure> =>
  Effect.gen(function* () {
    const there = yield* Effect.promise(() =>
      readdir(folder).then(
        () => true,
        () => false
      )
    )
    if (!there) return yield* usage(`${folder} is no folder that can be read`, "Give the folder of a checkout.")
    const listed = yield* Effect.promise(() =>
      git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    )
    const isGit = listed !== undefined
    const said = (...args: ReadonlyArray<string>) =>
      isGit ? Effect.promise(() => git(folder, ...args)) : Effect.succeed(undefined)
    const files = isGit
      ? [...new Set(listed.split("\0").filter((file) => file !== ""))]
      : yield* Effect.promise(() => walk(folder))
    const isHere = staying(folder)
    return {
      files: files.toSorted().slice(0, FILES),
      more: files.length > FILES,
      git: isGit,
      origin: ((yield* said("config", "--get", "remote.origin.url")) ?? "").trim(),
      branch: ((yield* said("symbolic-ref", "--short", "-q", "HEAD")) ?? "").trim(),
      commit: ((yield* said("rev-parse", "--verify", "-q", "HEAD")) ?? "").trim(),
      read: (file) => Effect.promise(async () => ((await isHere(file)) ? textOf(join(folder, file)) : undefined))
    }
  })
