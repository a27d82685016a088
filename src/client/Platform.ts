/** Everything the SDK needs from Node or Deno: files, digests, monotonic time, the machine's name. Nothing else imports `node:*`. */
import { createHash, randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { lstat, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { hostname } from "node:os"
import { dirname, join } from "node:path"
import { performance } from "node:perf_hooks"
import process from "node:process"
import * as zlib from "node:zlib"
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

/** SHA-256 of a text that comes in pieces. */
export class Digest {
  readonly #hash = createHash("sha256")

  add(text: string): void {
    this.#hash.update(text)
  }

  /** To be called once. */
  hex(): string {
    return this.#hash.digest("hex")
  }
}

export const hexBytes = (hex: string): Buffer => Buffer.from(hex, "hex")

export const bytesOf = (text: string): number => Buffer.byteLength(text)

/** Lets the process do other work. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const utf8 = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)

/** Unique to this process; readable in `herald clients`. */
export const instanceName = (): string => `${hostname()}-${process.pid}-${unique()}`.slice(-128)

/** 12 random hex digits, for names that nobody else has. */
export const unique = (): string => randomBytes(6).toString("hex")

export const joinPath = (...names: ReadonlyArray<string>): string => join(...names)

/** Tells when the machine has no network any more, and when it has one again; nothing, where nobody says. Call what it returns to hear no more. */
export const onNetwork = (_told: { readonly lost: () => unknown; readonly back: () => unknown }): (() => void) => ignore
const ignore = () => {}

const absent = (error: unknown): undefined => {
  if ((error as { code?: string }).code === "ENOENT") return undefined
  throw error
}

/** The file's text, or undefined when there is no such file. */
export const readText = async (path: string): Promise<string | undefined> => {
  return readFile(path, "utf8").catch(absent)
}

export interface FileMark {
  readonly size: number
  /** By the file system's clock, milliseconds; in a browser, a count: only to tell generations apart. */
  readonly writtenAt: number
  readonly identity: string
}

/** Of `writtenAt`: a temporary file that is this much older than another was left behind, as nobody writes one for so long. */
export const leftOver = 600_000

/** Undefined when there is no such file. */
export const markOf = async (path: string): Promise<FileMark | undefined> => {
  const stats = await lstat(path).catch(absent)
  return stats && { size: stats.size, writtenAt: stats.mtimeMs, identity: `${stats.dev}:${stats.ino}` }
}

/** Names in a folder; none when there is no such folder. */
export const listFiles = async (directory: string): Promise<Array<string>> =>
  (await readdir(directory).catch(absent)) ?? []

const mostBytes = 256 * 1_048_576

/**
 * The text of a file that only this user can have written: no link, no other owner, not writable by others. Undefined when there is no such
 * file; throws when it is there and not ours. `most`: bytes to read, all when left out.
 */
export const readOwn = async (path: string, most?: number): Promise<string | undefined> => {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch(
    (error) => {
      if ((error as { code?: string }).code === "ELOOP") throw new Error("it is a link")
      return absent(error)
    }
  )
  if (file === undefined) return undefined
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new Error("it is not a file")
    const user = process.geteuid?.()
    if (user !== undefined && stats.uid !== user) throw new Error(`it belongs to user ${stats.uid}, not to ${user}`)
    if (user !== undefined && (stats.mode & 0o022) !== 0) throw new Error("others may write it")
    if (most === undefined && stats.size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`)
    if (most === undefined) return utf8(await file.readFile())
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0)
    return buffer.toString("utf8", 0, bytesRead)
  } finally {
    await file.close()
  }
}

/** Writes a new file beside `path`, mode 0600 in a folder of mode 0700, down to the disk. Returns its path. */
export const writeBeside = async (path: string, pieces: AsyncIterable<string>): Promise<string> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${unique()}.tmp`
  try {
    const file = await open(temporary, "wx", 0o600)
    try {
      for await (const piece of pieces) await file.writeFile(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    return temporary
  } catch (error) {
    await removeFile(temporary)
    throw error
  }
}

/** A reader sees the old content or the new, even after a crash. */
export const renameFile = async (from: string, to: string): Promise<void> => {
  await rename(from, to)
  await syncFolder(dirname(to))
}

/** Does nothing when there is no such file. */
export const removeFile = (path: string): Promise<void> => rm(path, { force: true })

/** Makes a rename durable; not every file system allows it, and then the rename is as durable as it gets. */
const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, "r").catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}

/** What a frame of zstd holds, at most so many bytes: throws for more. Undefined where the platform can't. */
export const unzstd: ((bytes: Uint8Array, most: number) => Uint8Array) | undefined =
  zlib.zstdDecompressSync === undefined
    ? undefined
    : (bytes, most) => zlib.zstdDecompressSync(bytes, { maxOutputLength: most })

/** A file that grows at its end, mode 0600 in a folder of mode 0700. */
export interface Growing {
  /** Resolves when the text is on the disk. */
  readonly add: (text: string) => Promise<void>
  /** Empties it. */
  readonly clear: () => Promise<void>
  readonly close: () => Promise<void>
}

export const grow = async (path: string): Promise<Growing> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600)
  await syncFolder(dirname(path))
  return {
    add: async (text) => {
      await file.writeFile(text)
      await file.datasync()
    },
    clear: async () => {
      await file.truncate(0)
      await file.datasync()
    },
    close: () => file.close()
  }
}

/** A copy of bytes, or the UTF-8 of a text. */
export const bufferOf = (content: Uint8Array | string): Buffer => Buffer.from(content as string)

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64")

export const fromBase64 = (text: string): Uint8Array => Buffer.from(text, "base64")
