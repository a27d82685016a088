/**
 * Reads and writes the files of one folder that a user named.
 *
 *   JG1  Nothing outside of it is read or written: a link in it is not followed, and no path leads up.
 *   JG3  A small file is read and written in one go: trips to the pool of threads cost several times as much as the work. In between, signals are heard.
 *   JG2  A folder is replaced by another as a whole: who looks sees the old one or the new one, and a failure leaves the old one.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs"
import { lstat, readdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { setImmediate } from "node:timers/promises"
import * as Effect from "effect/Effect"
import { type CliFailure, usage } from "./CliFailure.ts"

export interface Listed {
  readonly name: string
  readonly kind: "file" | "folder" | "link" | "other"
}

export interface Folder {
  /** As the user named it. */
  readonly path: string
  /** Sorted by name. Undefined: there is no such folder. */
  readonly list: (within: string) => Effect.Effect<ReadonlyArray<Listed> | undefined, CliFailure>
  /** What a file has, up to one byte more than `most`. JG1 */
  readonly read: (within: string, most: number) => Effect.Effect<Uint8Array, CliFailure>
  /** A new file, with the folders that it is in. */
  readonly write: (within: string, text: string) => Effect.Effect<void, CliFailure>
  readonly remove: (within: string) => Effect.Effect<void, CliFailure>
  /** Puts a folder in the place of another, or of none. JG2 */
  readonly replace: (made: string, place: string) => Effect.Effect<void, CliFailure>
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "it may not be used (EACCES)",
  EPERM: "it may not be used (EPERM)",
  ELOOP: "it is a link, which is not followed",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  EEXIST: "there is one of that name already",
  ENOTDIR: "a part of its path is no folder",
  ENAMETOOLONG: "its name is too long for this file system"
}

const described = (error: unknown): string => {
  const { code = "" } = Object(error) as { readonly code?: string }
  return reasons[code] ?? (error instanceof Error ? error.message : String(error))
}

const kindOf = (entry: { isFile: () => boolean; isDirectory: () => boolean; isSymbolicLink: () => boolean }) =>
  entry.isFile() ? "file" : entry.isDirectory() ? "folder" : entry.isSymbolicLink() ? "link" : "other"

/** Files between two turns of the loop, so that Ctrl-C is heard. JG3 */
const FILES = 64

/** JG3. What would wait, such as a pipe, is no regular file, and is opened without waiting. */
const bytesOf = (path: string, most: number): Uint8Array => {
  const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw new Error("it is no regular file")
    const bytes = new Uint8Array(Math.min(found.size, most) + 1)
    let length = 0
    while (length < bytes.byteLength) {
      const read = readSync(file, bytes, length, bytes.byteLength - length, null)
      if (read === 0) break
      length += read
    }
    return bytes.slice(0, length)
  } finally {
    closeSync(file)
  }
}

const isMissing = (error: unknown): boolean => (error as { code?: string }).code === "ENOENT"

const written = (path: string, text: string): void => {
  try {
    writeFileSync(path, text, { flag: "wx" })
  } catch (error) {
    if (!isMissing(error)) throw error
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text, { flag: "wx" })
  }
}

const swapped = async (made: string, place: string): Promise<void> => {
  const old = `${made}-old`
  const there = await lstat(place).then(
    () => true,
    () => false
  )
  if (there) await rename(place, old)
  try {
    await rename(made, place)
  } catch (error) {
    if (there) await rename(old, place)
    throw error
  }
  if (there) await rm(old, { recursive: true })
}

export const folder = (path: string): Folder => {
  const at = (within: string): string => {
    if (within.split(/[\\/]/).includes("..")) throw new Error("it leads out of the folder") // JG1
    return join(path, within)
  }
  const trying = <A>(within: string, fix: string, act: (whole: string) => Promise<A>): Effect.Effect<A, CliFailure> =>
    Effect.tryPromise({
      try: async () => act(at(within)),
      catch: (error) => usage(`${join(path, within)}: ${described(error)}`, fix)
    })
  let files = 0
  const inTurns = async <A>(act: () => A): Promise<A> => {
    if (++files % FILES === 0) await setImmediate() // JG3
    return act()
  }
  const WRITE = "Give a folder that this user may write in, with room for the files."
  return {
    path,
    list: (within) =>
      trying(within, "Give a folder that this user may read.", async (whole) => {
        try {
          const entries = await readdir(whole, { withFileTypes: true })
          return entries
            .map((entry): Listed => ({ name: entry.name, kind: kindOf(entry) }))
            .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        } catch (error) {
          if (isMissing(error)) return undefined
          throw error
        }
      }),
    read: (within, most) =>
      trying(within, "Make it a regular file of its own.", (whole) => inTurns(() => bytesOf(whole, most))),
    write: (within, text) => trying(within, WRITE, (whole) => inTurns(() => written(whole, text))),
    remove: (within) => trying(within, WRITE, (whole) => rm(whole, { recursive: true, force: true })),
    replace: (made, place) => trying(place, WRITE, (whole) => swapped(at(made), whole))
  }
}
