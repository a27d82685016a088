/**
 * Keeps values on disk, so that they survive a restart while the server is gone.
 *
 *   LK1  A file that is not exactly what was written is never used; the next best one is tried.
 *   LK2  A good generation is never overwritten in place and never replaced by a corrupt one.
 *   LK3  Writing never delays or fails an update. It follows a change after `delayMillis`, or later where writing is slow; changes that come
 *        meanwhile are written together, and trouble is an event.
 *   LK4  A file is bound to all that shapes its values (environment, service, labels, patterns). Only clients with the same read it.
 *   LK5  A client writes only files of its own, so no two clients overwrite each other; a restart takes the best file of its kind, whoever
 *        wrote it. A file that a newer one covers is removed.
 *   LK6  After `close` nothing is written.
 */

import { messageOf } from "./ClientError.ts"
import type { Clock } from "./Clock.ts"
import { errors } from "./Errors.ts"
import { decode, encode, type Head, headOf, type Shape, type Snapshot, shapeOf } from "./KeptFile.ts"
import {
  type FileMark,
  joinPath,
  leftOver,
  listFiles,
  markOf,
  readOwn,
  removeFile,
  renameFile,
  unique,
  writeBeside
} from "./Platform.ts"

export interface LastKnownGoodOptions extends Shape {
  readonly directory: string
  readonly delayMillis?: number | undefined
}

/** After each write a pause of so many times its length: writing takes at most a tenth of the time, however much there is. */
const restPerWriting = 9

/** Files of other epochs that are kept, as they can't be compared with ours. */
const mostStrangers = 4

/** The part of a file's name for people; the digest behind it says what the file is bound to. File systems take names of 255 bytes. */
const readable = (name: string): string => name.replace(/[^A-Za-z0-9._]/g, "_").slice(0, 40)

/** Bytes that hold the first line of a file. */
const headBytes = 4_096

interface Found {
  readonly path: string
  readonly head: Head
  readonly mark: FileMark
}

/** Best first: within an epoch by revision, otherwise the one that was written last. */
const better = (a: Found, b: Found): number =>
  a.head.epoch === b.head.epoch && a.head.revision !== b.head.revision
    ? Number(b.head.revision > a.head.revision) * 2 - 1
    : b.mark.writtenAt - a.mark.writtenAt

export class LastKnownGood {
  readonly path: string
  readonly #options: LastKnownGoodOptions
  readonly #kind: string
  readonly #clock: Clock
  readonly #snapshot: () => Snapshot
  readonly #trouble: (message: string) => void
  #written: FileMark | undefined
  /** The other generation that is known to be intact. */
  #beside: FileMark | undefined
  #cancel: (() => void) | undefined
  #writing: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(
    options: LastKnownGoodOptions,
    clock: Clock,
    snapshot: () => Snapshot,
    trouble: (message: string) => void
  ) {
    this.#options = options
    const { environment, service, directory } = options
    this.#kind = `herald-${readable(environment)}-${readable(service)}-${shapeOf(options).slice(0, 16)}-`
    this.path = joinPath(directory, `${this.#kind}${unique()}.json`) // LK5
    this.#clock = clock
    this.#snapshot = snapshot
    this.#trouble = trouble
  }

  /** The best intact generation, or undefined. */
  async load(): Promise<Snapshot | undefined> {
    await this.#tellOfOld()
    for (const { path } of await this.#all((path, why) => this.#ignored(path, why))) {
      try {
        const text = await readOwn(path)
        if (text !== undefined) return await decode(text, this.#options)
      } catch (error) {
        this.#ignored(path, messageOf(error)) // LK1
      }
    }
    return undefined
  }

  /** LK3. */
  schedule(): void {
    if (this.#closed) return
    if (this.#writing === undefined) this.#plan(this.#options.delayMillis ?? 100)
    else this.#again = true
  }

  /** Writes what is scheduled and waits for it. LK6. */
  async close(): Promise<void> {
    await this.flush()
    this.#closed = true
    this.#cancel?.()
    this.#cancel = undefined
  }

  async flush(): Promise<void> {
    await this.#writing
    if (this.#cancel === undefined) return
    this.#cancel()
    this.#cancel = undefined
    this.#begin()
    await this.#writing
  }

  #plan(millis: number): void {
    this.#cancel ??= this.#clock.after(millis, () => {
      this.#cancel = undefined
      this.#begin()
    })
  }

  #begin(): void {
    const began = this.#clock.now()
    this.#again = false
    this.#writing = this.#write().then(() => {
      this.#writing = undefined
      if (!this.#again) return
      const took = this.#clock.now() - began
      this.#plan(Math.max(this.#options.delayMillis ?? 100, took * restPerWriting))
    })
  }

  async #write(): Promise<void> {
    try {
      const snapshot = this.#snapshot()
      const temporary = await writeBeside(this.path, encode(snapshot, this.#options))
      try {
        if (await this.#isGood()) {
          await renameFile(this.path, `${this.path}.previous`) // LK2
          this.#beside = this.#written
        }
        await renameFile(temporary, this.path)
      } finally {
        await removeFile(temporary)
      }
      this.#written = await markOf(this.path)
      await this.#removeCovered(snapshot)
    } catch (error) {
      this.#trouble(
        `${errors.LastKnownGoodUnwritable.code}: ${this.path} can't be written: ${messageOf(error)}. Updates go on; free space or give another directory.`
      )
    }
  }

  /** Is our file still what we wrote? Then it may become the previous generation. */
  async #isGood(): Promise<boolean> {
    const now = await markOf(this.path)
    if (now === undefined) return false
    return same(this.#written, now) || (await this.#isIntact(this.path))
  }

  async #isIntact(path: string): Promise<boolean> {
    const text = await readOwn(path).catch(() => undefined)
    return text !== undefined && decode(text, this.#options).then(yes, no)
  }

  /** LK5: keeps ours, the best intact one besides, and up to `mostStrangers` that can't be compared. */
  async #removeCovered({ epoch, revision }: Snapshot): Promise<void> {
    const others = (await this.#all(() => {})).filter(({ path }) => path !== this.path)
    const strangers = others.filter(({ head }) => head.epoch !== epoch).slice(mostStrangers)
    let kept = false
    for (const { path, mark } of others.filter(({ head }) => head.epoch === epoch && head.revision <= revision)) {
      if (!kept && (same(this.#beside, mark) || (await this.#isIntact(path)))) {
        this.#beside = mark
        kept = true
      } else await removeFile(path)
    }
    for (const { path } of strangers) await removeFile(path)
    await this.#removeLeftOver()
  }

  /** Removes what a process left that was killed while it wrote. */
  async #removeLeftOver(): Promise<void> {
    const { directory } = this.#options
    for (const name of await listFiles(directory)) {
      if (!name.startsWith(this.#kind) || !name.endsWith(".tmp")) continue
      const path = joinPath(directory, name)
      const mark = await markOf(path)
      const now = this.#written?.writtenAt ?? 0 // by the same clock
      if (mark !== undefined && now - mark.writtenAt > leftOver) await removeFile(path)
    }
  }

  /** Files of our kind, best first, as their first lines say. */
  async #all(bad: (path: string, why: string) => void): Promise<Array<Found>> {
    const { directory } = this.#options
    const names = await listFiles(directory).catch((error) => {
      bad(directory, messageOf(error))
      return []
    })
    const found: Array<Found> = []
    for (const name of names) {
      if (!name.startsWith(this.#kind) || !/\.json(\.previous)?$/.test(name)) continue
      const path = joinPath(directory, name)
      try {
        const text = await readOwn(path, headBytes)
        const mark = await markOf(path)
        if (text === undefined || mark === undefined) continue
        const head = headOf(text)
        if (head === undefined) throw new Error("it does not begin as such a file does")
        found.push({ path, head, mark })
      } catch (error) {
        bad(path, messageOf(error))
      }
    }
    return found.sort(better)
  }

  #ignored(path: string, why: string): void {
    this.#trouble(
      `${errors.LastKnownGoodCorrupt.code}: ${path} is ignored: ${why}. Other files, the bootstrap or the server serve instead.`
    )
  }

  /** Files of 0.1.0 were bound to service and environment only. */
  async #tellOfOld(): Promise<void> {
    const { directory, environment, service } = this.#options
    const name = `herald-${encodeURIComponent(environment).replaceAll("-", "%2D")}-${encodeURIComponent(service)}.json`
    const old = joinPath(directory, name)
    if ((await markOf(old).catch(() => undefined)) === undefined) return
    this.#ignored(old, "it was written by 0.1.0 and does not say for which labels; remove it")
  }
}

const same = (a: FileMark | undefined, b: FileMark): boolean =>
  a?.size === b.size && a.writtenAt === b.writtenAt && a.identity === b.identity

const yes = () => true
const no = () => false
