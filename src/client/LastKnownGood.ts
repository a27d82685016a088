/**
 * The values that survive a restart while the server is gone: one file per environment and service, with a digest.
 *
 *   L1  A file that is not exactly what was written is never used; the generation before it is tried next.
 *   L2  A good generation is never overwritten in place and never replaced by a corrupt one.
 *   L3  Writing never delays or fails an update: it follows within `delayMillis`, and trouble is an event.
 */

import { messageOf } from "./ClientError.ts"
import type { Clock } from "./Clock.ts"
import type { Version } from "./Entry.ts"
import { joinPath, readText, replaceFile, sha256 } from "./Platform.ts"

export interface Snapshot {
  readonly epoch: string
  readonly revision: bigint
  /** What was subscribed to; the position holds for exactly these. */
  readonly patterns: ReadonlyArray<string>
  readonly versions: ReadonlyArray<Version>
}

export interface LastKnownGoodOptions {
  readonly directory: string
  readonly environment: string
  readonly service: string
  readonly delayMillis?: number | undefined
}

const prefix = '{"sha256":"'
const middle = '","body":'
const suffix = "}\n"
const bodyAt = prefix.length + 64 + middle.length

/** Digest over the exact text of the body, so that any changed byte shows. */
export const encode = (snapshot: Snapshot, environment: string, service: string): string => {
  const { epoch, revision, patterns, versions } = snapshot
  const rows = versions.map(({ source: _, unconfirmed: __, deleted: ___, revision: r, ...row }) => ({
    ...row,
    revision: String(r)
  }))
  const body = JSON.stringify({
    layout: 1,
    environment,
    service,
    epoch,
    revision: String(revision),
    patterns,
    versions: rows
  })
  return prefix + sha256(body) + middle + body + suffix
}

/** Throws when the text is not exactly what `encode` wrote for this environment and service. */
export const decode = (text: string, environment: string, service: string): Snapshot => {
  const body = text.slice(bodyAt, -suffix.length)
  if (text !== prefix + sha256(body) + middle + body + suffix) throw new Error("the digest does not match the content") // L1
  const read = JSON.parse(body)
  if (read.layout !== 1) throw new Error(`layout ${read.layout} is not known`)
  if (read.environment !== environment || read.service !== service) {
    throw new Error(`it belongs to ${read.service} in ${read.environment}`)
  }
  const versions = read.versions.map((row: Omit<Version, "revision"> & { revision: string }): Version => {
    if (sha256(row.content) !== row.digest) throw new Error(`the digest of "${row.key}" does not match`)
    return { ...row, revision: BigInt(row.revision), deleted: false, unconfirmed: false, source: "disk" }
  })
  return { epoch: read.epoch, revision: BigInt(read.revision), patterns: read.patterns, versions }
}

export class LastKnownGood {
  readonly path: string
  readonly #options: LastKnownGoodOptions
  readonly #clock: Clock
  readonly #snapshot: () => Snapshot
  readonly #trouble: (message: string) => void
  #cancel: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(
    options: LastKnownGoodOptions,
    clock: Clock,
    snapshot: () => Snapshot,
    trouble: (message: string) => void
  ) {
    const environment = encodeURIComponent(options.environment).replaceAll("-", "%2D")
    this.path = joinPath(options.directory, `herald-${environment}-${encodeURIComponent(options.service)}.json`)
    this.#options = options
    this.#clock = clock
    this.#snapshot = snapshot
    this.#trouble = trouble
  }

  /** The newest intact generation, or undefined. */
  async load(): Promise<Snapshot | undefined> {
    for (const path of [this.path, `${this.path}.previous`]) {
      try {
        const text = await readText(path)
        if (text !== undefined) return this.#decode(text)
      } catch (error) {
        this.#trouble(`HRLD-5103: ${path} is ignored: ${messageOf(error)}. It is replaced at the next update.`)
      }
    }
    return undefined
  }

  /** L3. */
  schedule(): void {
    this.#cancel ??= this.#clock.after(this.#options.delayMillis ?? 100, () => {
      this.#cancel = undefined
      this.#write()
    })
  }

  /** Writes what is scheduled and waits for it. */
  async flush(): Promise<void> {
    if (this.#cancel !== undefined) {
      this.#cancel()
      this.#cancel = undefined
      this.#write()
    }
    await this.#writing
  }

  #write(): void {
    this.#writing = this.#writing.then(async () => {
      try {
        await this.#keepPrevious()
        await replaceFile(this.path, encode(this.#snapshot(), this.#options.environment, this.#options.service))
      } catch (error) {
        this.#trouble(
          `HRLD-5104: ${this.path} can't be written: ${messageOf(error)}. Updates go on; free space or give another directory.`
        )
      }
    })
  }

  async #keepPrevious(): Promise<void> {
    const text = await readText(this.path).catch(() => undefined)
    if (text === undefined) return
    try {
      this.#decode(text)
    } catch {
      return // L2
    }
    await replaceFile(`${this.path}.previous`, text)
  }

  #decode(text: string): Snapshot {
    return decode(text, this.#options.environment, this.#options.service)
  }
}
