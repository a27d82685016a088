/**
 * Evaluations that were counted and wait to be written. Pure state.
 *
 *   UN1  To count one more of what was counted before makes no object and asks no clock.
 *   UN2  At most `ROWS` different ones wait, and `ROWS_OF_FLAG` of one flag. What has no room is counted in numbers alone: `leftOut`.
 *   UN3  Who follows all flags of an environment is noted as doing so as long as it does; which of them it uses nobody knows.
 *   UN4  However much waits, what is taken at once is bounded, and takes a few milliseconds.
 */
import { type Caller, COMMAND_LINE } from "./Caller.ts"
import { ALL, type Use } from "./Use.ts"

/** UN2 */
export const ROWS = 50_000
export const ROWS_OF_FLAG = 500
/** Rows that are written at once. */
export const BATCH = 2_000
/** UN4 */
const TAKEN = 4_000

/** Of a door and an outcome, for metrics. */
export interface Tally {
  readonly caller: Caller
  readonly outcome: string
  count: number
}

interface Row {
  readonly variant: string
  readonly outcome: string
  readonly caller: Caller
  readonly tally: Tally
  version: number
  count: number
}

/** Of one environment, to be written at once. */
export interface Counted {
  readonly environment: string
  readonly uses: ReadonlyArray<Use>
}

export class Counts {
  readonly #environments = new Map<string, Map<string, Array<Row>>>()
  #rows = 0
  readonly #tallies: Array<Tally> = []
  /** Clients that follow all flags of an environment at the moment, by environment. */
  readonly #following = new Map<string, Map<Caller, number>>()
  leftOut = 0

  /** `outcome`: the reason, or with ERROR the code. UN1 */
  note(environment: string, flag: string, version: number, variant: string, outcome: string, caller: Caller): void {
    const rows = this.#environments.get(environment)?.get(flag) ?? NONE
    for (const row of rows) {
      if (row.variant === variant && row.caller === caller && row.outcome === outcome) {
        row.version = version
        row.count++
        row.tally.count++
        return
      }
    }
    const tally = this.#tally(outcome, caller)
    tally.count++
    if (rows.length >= ROWS_OF_FLAG) this.leftOut++
    else this.#add(environment, flag, { variant, outcome, caller, tally, version, count: 1 })
  }

  /** Of a flag that is not there: nothing is known by its name. */
  miss(outcome: string, caller: Caller): void {
    this.#tally(outcome, caller).count++
  }

  /** All flags were given at once. */
  gave(environment: string, caller: Caller): void {
    if (caller.sdk === COMMAND_LINE) return // UC2
    this.#all(environment, caller, 1)
  }

  /** Somebody follows all flags. Gives what ends that. UN3 */
  follow(environment: string, caller: Caller): () => void {
    this.gave(environment, caller)
    const of = this.#following.get(environment) ?? new Map<Caller, number>()
    this.#following.set(environment, of.set(caller, (of.get(caller) ?? 0) + 1))
    let open = true
    return () => {
      if (!open) return
      open = false
      const left = of.get(caller)! - 1
      if (left > 0) of.set(caller, left)
      else of.delete(caller)
      if (of.size === 0) this.#following.delete(environment)
    }
  }

  /** Clients that follow all flags of an environment at the moment. */
  following(environment: string): ReadonlyMap<Caller, number> {
    return this.#following.get(environment) ?? new Map()
  }

  /** How many rows wait, with one for each way in which somebody follows all flags. UN3 */
  due(): number {
    for (const [environment, of] of this.#following) for (const caller of of.keys()) this.#all(environment, caller, 0)
    return this.#rows
  }

  /** What waits, as of `at` (milliseconds since 1970), in parts of about `BATCH` rows: `TAKEN` or so, for the time that it takes. UN4 */
  take(at: number): Array<Counted> {
    const taken: Array<Counted> = []
    let rows = 0
    for (const [environment, flags] of this.#environments) {
      let uses: Array<Use> = []
      for (const [flag, its] of flags) {
        for (const { variant, outcome, caller, version, count } of its)
          uses.push({ flag, variant, outcome, ...caller, version, count, at })
        flags.delete(flag)
        rows += its.length
        if (uses.length >= BATCH) {
          taken.push({ environment, uses })
          uses = []
        }
        if (rows >= TAKEN) break
      }
      if (uses.length > 0) taken.push({ environment, uses })
      if (flags.size === 0) this.#environments.delete(environment)
      if (rows >= TAKEN) break
    }
    this.#rows -= rows
    return taken
  }

  /** What was counted since it was asked last, for metrics. */
  tallied(told: (tally: Tally) => void): void {
    for (const tally of this.#tallies) {
      if (tally.count === 0) continue
      told(tally)
      tally.count = 0
    }
  }

  #all(environment: string, caller: Caller, count: number): void {
    const row = this.#environments
      .get(environment)
      ?.get(ALL)
      ?.find((one) => one.caller === caller)
    if (row !== undefined) row.count += count
    else this.#add(environment, ALL, { variant: "", outcome: "", caller, tally: NOBODY, version: 0, count })
  }

  #add(environment: string, flag: string, row: Row): void {
    if (this.#rows >= ROWS) {
      this.leftOut++
      return
    }
    this.#rows++
    let flags = this.#environments.get(environment)
    if (flags === undefined) this.#environments.set(environment, (flags = new Map()))
    const rows = flags.get(flag)
    if (rows === undefined) flags.set(flag, [row])
    else rows.push(row)
  }

  #tally(outcome: string, caller: Caller): Tally {
    let tally = this.#tallies.find((one) => one.outcome === outcome && one.caller.door === caller.door)
    if (tally === undefined) this.#tallies.push((tally = { caller, outcome, count: 0 }))
    return tally
  }
}

const NONE: ReadonlyArray<Row> = []
const NOBODY: Tally = { caller: { door: "report", sdk: "" }, outcome: "", count: 0 }
