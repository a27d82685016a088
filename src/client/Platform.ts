/** Everything the SDK needs from Node or Deno: files, digests, monotonic time, the machine's name. Nothing else imports `node:*`. */
import { createHash, randomBytes } from "node:crypto"
import { mkdir, open, readFile, rename, rm } from "node:fs/promises"
import { hostname } from "node:os"
import { dirname, join } from "node:path"
import { performance } from "node:perf_hooks"
import process from "node:process"
import type { Clock } from "./Clock.ts"

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (millis, task) => {
    const timer = setTimeout(task, millis)
    return () => clearTimeout(timer)
  },
  soon: (task) => {
    setImmediate(task)
  },
  random: Math.random
}

/** SHA-256 of UTF-8 text or bytes, lower-case hex. */
export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex")

export const utf8 = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)

/** Unique to this process; readable in `herald clients`. */
export const instanceName = (): string => `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`

export const joinPath = join

/** The file's text, or undefined when there is no such file. */
export const readText = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined
    throw error
  }
}

/** Replaces a file: a reader sees the old content or the new, also after a crash. Mode 0600 in a folder of mode 0700. */
export const replaceFile = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`
  try {
    const file = await open(temporary, "wx", 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** Makes a rename durable; not every file system allows it, and then the rename is as durable as it gets. */
const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, "r").catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}
