/**
 * Reads and writes the files of one folder that a user named.
 *
 *   JG1  Nothing outside of it is read or written: a link in it is not followed, and no path leads up.
 *   JG2  A folder is replaced by another as a whole: who looks sees the old one or the new one, and a failure leaves the old one.
 */
import { constants } from "node:fs"
import { lstat, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
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

const bytesOf = async (path: string, most: number): Promise<Uint8Array> => {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new Error("it is no regular file")
    const bytes = new Uint8Array(Math.min(found.size, most) + 1)
    let length = 0
    while (length < bytes.byteLength) {
      const { bytesRead } = await file.read(bytes, length, bytes.byteLength - length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return bytes.slice(0, length)
  } finally {
    await file.close()
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
          if ((error as { code?: string }).code === "ENOENT") return undefined
          throw error
        }
      }),
    read: (within, most) => trying(within, "Make it a regular file of its own.", (whole) => bytesOf(whole, most)),
    write: (within, text) =>
      trying(within, WRITE, async (whole) => {
        await mkdir(dirname(whole), { recursive: true })
        await writeFile(whole, text, { flag: "wx" })
      }),
    remove: (within) => trying(within, WRITE, (whole) => rm(whole, { recursive: true, force: true })),
    replace: (made, place) => trying(place, WRITE, (whole) => swapped(at(made), whole))
  }
}
