/**
 * What is to be reported of flags, until it is sent: counts, who was shown what, and what users did. Pure state.
 *
 *   RB1  What waits is bounded: `ENTRIES` exposures and tracks with `BYTES` together. What comes beyond them is left out and counted.
 *   RB2  Who was shown what is said once a day of each unit, flag, version and variant, as far as `SEEN` are remembered.
 *   RB3  A batch has at most `ITEMS` items and `BATCH` bytes; what does not fit stays for the next.
 *   RB4  Of a context only the targeting key is taken, and that only for exposures and tracks.
 */
import type { Exposure, ReportRequest, Track } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import type { Outcome } from "./Flags.ts"

/** RB1 */
export const ENTRIES = 10_000
export const BYTES = 4 * 1024 * 1024
/** RB2 */
export const SEEN = 50_000
/** What a server takes, with room for what surrounds it. RB3 */
export const ITEMS = 1_000
export const BATCH = 200 * 1024
/** Characters, as a server takes them. */
const UNIT = 256
const NAME = 100
const DETAILS = 1_024
const MOST_DETAILS = 16
const DAY = 86_400_000

type Event = { readonly exposure: Exposure } | { readonly track: Track }

/** Bytes, at most: UTF-8 has no more than three for each UTF-16 unit. */
const sizeOf = (...texts: ReadonlyArray<string>): number => texts.reduce((sum, text) => sum + 3 * text.length, 64)
const sizeOfEvent = (event: Event): number =>
  "exposure" in event
    ? sizeOf(event.exposure.flag, event.exposure.variant, event.exposure.unit)
    : sizeOf(event.track.name, event.track.unit, event.track.detailsJson)

const isUnit = (unit: unknown): unit is string => typeof unit === "string" && unit !== "" && unit.length <= UNIT

/** What may be reported of what a user did; undefined: it is left out. */
const detailsOf = (details: Readonly<Record<string, unknown>>): string | undefined => {
  const entries = Object.entries(details)
  if (entries.length === 0) return ""
  const plain = entries.every(([, value]) => ["string", "boolean"].includes(typeof value) || Number.isFinite(value))
  if (!plain || entries.length > MOST_DETAILS) return undefined
  const text = JSON.stringify(details)
  return new TextEncoder().encode(text).length <= DETAILS ? text : undefined
}

export class Gathered {
  readonly #now: () => number
  #counts: Array<Outcome> = []
  #events: Array<Event> = []
  #bytes = 0
  #seen = new Set<string>()
  #day = 0
  /** Left out since this was last set to 0. RB1 */
  leftOut = 0

  /** `now`: milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#counts.length + this.#events.length
  }

  get hasCounts(): boolean {
    return this.#counts.length > 0
  }

  /** They are counted apart, and merged there. */
  evaluated(outcomes: ReadonlyArray<Outcome>): void {
    for (const one of outcomes) {
      if (this.#counts.length >= ENTRIES) this.leftOut++
      else this.#counts.push(one)
    }
  }

  /** RB2 */
  exposed(flag: string, version: number, variant: string, unit: unknown): void {
    if (!isUnit(unit)) return
    const now = this.#now()
    const day = Math.floor(now / DAY)
    if (day !== this.#day || this.#seen.size >= SEEN) this.#seen.clear()
    this.#day = day
    const id = `${flag} ${version} ${variant} ${unit}`
    if (this.#seen.has(id)) return
    if (this.#add({ exposure: { flag, variant, version, unit, atMs: BigInt(now) } })) this.#seen.add(id)
  }

  /** False: a server would not take it. */
  tracked(name: string, unit: unknown, value: unknown, more: Readonly<Record<string, unknown>>): boolean {
    const detailsJson = detailsOf(more)
    const amount = value === undefined || (typeof value === "number" && Number.isFinite(value))
    if (name === "" || name.length > NAME || !isUnit(unit) || detailsJson === undefined || !amount) return false
    this.#add({ track: { name, unit, value: value as number | undefined, atMs: BigInt(this.#now()), detailsJson } })
    return true
  }

  /** The next batch; undefined when there is nothing to say. RB3 */
  take(batchId: string, environment: string, sdk: string): ReportRequest | undefined {
    if (this.size === 0) return undefined
    const batch: ReportRequest = { batchId, environment, sdk, evaluations: [], exposures: [], tracks: [] }
    let [items, bytes] = [0, sizeOf(batchId, environment, sdk)]
    const fits = (size: number): boolean => items < ITEMS && bytes + size <= BATCH
    const lastAtMs = BigInt(this.#now())
    let taken = 0
    for (const { name, version, resolution, count } of this.#counts) {
      const { variant = "", reason, errorCode = "" } = resolution
      const size = sizeOf(name, variant, reason, errorCode)
      if (!fits(size)) break
      batch.evaluations.push({ flag: name, variant, version, reason, errorCode, count: BigInt(count), lastAtMs })
      ;[items, bytes, taken] = [items + 1, bytes + size, taken + 1]
    }
    this.#counts.splice(0, taken)
    taken = 0
    for (const event of this.#events) {
      const size = sizeOfEvent(event)
      if (!fits(size)) break
      if ("exposure" in event) batch.exposures.push(event.exposure)
      else batch.tracks.push(event.track)
      this.#bytes -= size
      ;[items, bytes, taken] = [items + 1, bytes + size, taken + 1]
    }
    this.#events.splice(0, taken)
    return batch
  }

  #add(event: Event): boolean {
    const size = sizeOfEvent(event)
    if (this.#events.length >= ENTRIES || this.#bytes + size > BYTES) {
      this.leftOut++ // RB1
      return false
    }
    this.#events.push(event)
    this.#bytes += size
    return true
  }
}
