/**
 * Evaluates the flags that a client holds, in this process: for those who want a flag without OpenFeature's SDK, and for `HeraldProvider`.
 *
 *   FH1  A flag is made ready when it is first evaluated, once each time that it comes; a flag that is not there costs nothing that stays.
 *   FH2  An evaluation always answers, at once, from what is here: whether the server is there makes no difference to it.
 *   FH3  What was evaluated is counted by flag, version and outcome, and by nothing of who asked: as many counts as flags have outcomes, and
 *        `FORMER` of flags that changed or went. Whoever takes all flags at once does not say which it uses, so that counts for none.
 */
import type { CheckFlag, ClientFlags, HeldFlag } from "../client/ClientFlags.ts"
import { type FlagType, typeOf } from "../evaluation/Definition.ts"
import { Flag, notFound } from "../evaluation/Evaluator.ts"
import type { Context, Resolution } from "../evaluation/Resolution.ts"
import { received } from "../evaluation/Sent.ts"
import { coveredBy } from "../keys/Pattern.ts"

export type { FlagType } from "../evaluation/Definition.ts"
export type { Context, ErrorCode, Reason, Resolution } from "../evaluation/Resolution.ts"

/** For `HeraldClient.connect`: flags that can't be evaluated here are refused when they come, and the former ones stay. */
export const checkFlag: CheckFlag = (name, said) => {
  const read = received(name, said, Date.now)
  return typeof read === "string" ? read : undefined
}

/** How this SDK calls itself in reports. */
export const SDK = "herald-js/0.1.0"

/** How often one version of a flag was evaluated with one outcome. FH3 */
export interface Outcome {
  readonly name: string
  readonly version: number
  readonly resolution: Resolution
  count: number
}

/** Counts of flags that changed or went, which nobody took yet. FH3 */
const FORMER = 10_000

interface Ready {
  readonly held: HeldFlag
  /** Why it can't be evaluated, where it is no flag. */
  readonly flag: Flag | Resolution
  outcomes: Array<Outcome>
}

export class Flags {
  readonly #held: ClientFlags
  /** FH1 */
  readonly #ready = new Map<string, Ready>()
  #former: Array<Outcome> = []

  /** `client`: one that was connected with `flags`. */
  constructor(client: { readonly flags: ClientFlags }) {
    this.#held = client.flags
  }

  /** `context`: JSON; `targetingKey` says who it is. `type`: a value of another one is an error. Never throws. FH2 */
  evaluate(name: string, context: Context = NOBODY, type?: FlagType): Resolution {
    const ready = this.#readyOf(name)
    if (ready === undefined) return notFound(name)
    const found = resolutionOf(ready, context)
    const fits = type === undefined || found.value === undefined || typeOf(found.value) === type
    const resolution = fits ? found : ofAnotherType(name, type)
    count(ready, resolution)
    return resolution
  }

  /** What was counted since it was asked before. FH3 */
  counted(): Array<Outcome> {
    const all = this.#former
    this.#former = []
    for (const [name, ready] of this.#ready) {
      all.push(...ready.outcomes)
      ready.outcomes = []
      if (this.#held.held(name) === undefined) this.#ready.delete(name)
    }
    return all
  }

  /** Those that are named (names, and `prefix.*`), or every flag, in the order of their names. FH3 */
  several(
    context: Context = NOBODY,
    only?: ReadonlyArray<string>
  ): Array<readonly [name: string, resolution: Resolution]> {
    const names = this.#held.names().sort()
    if (only !== undefined)
      return names.filter((name) => coveredBy(only, name)).map((name) => [name, this.evaluate(name, context)])
    return names.map((name) => [name, resolutionOf(this.#readyOf(name)!, context)])
  }

  #readyOf(name: string): Ready | undefined {
    const known = this.#ready.get(name)
    const held = this.#held.held(name)
    if (held === undefined) {
      this.#put(known)
      this.#ready.delete(name)
      return undefined
    }
    return known?.held === held ? known : this.#make(held, known)
  }

  #make(held: HeldFlag, known: Ready | undefined): Ready {
    const { name } = held
    const read = received(name, held.said, Date.now)
    const flag =
      typeof read === "string" ? { ...notFound(name), errorCode: "PARSE_ERROR" as const, errorDetails: read } : read
    const ready: Ready = { held, flag, outcomes: [] }
    this.#put(known)
    this.#ready.set(name, ready)
    return ready
  }

  #put(known: Ready | undefined): void {
    if (known !== undefined && this.#former.length + known.outcomes.length <= FORMER)
      this.#former.push(...known.outcomes)
  }
}

const resolutionOf = ({ flag }: Ready, context: Context): Resolution =>
  flag instanceof Flag ? flag.evaluate(context) : flag

const ofAnotherType = (name: string, type: FlagType): Resolution => ({
  ...notFound(name),
  errorCode: "TYPE_MISMATCH",
  errorDetails: `the flag ${name} is not of the type ${type}`
})

/** FH3 */
const count = ({ held, outcomes }: Ready, resolution: Resolution): void => {
  for (const one of outcomes) {
    const its = one.resolution
    if (
      its === resolution ||
      (its.variant === resolution.variant && its.reason === resolution.reason && its.errorCode === resolution.errorCode)
    ) {
      one.count++
      return
    }
  }
  outcomes.push({ name: held.name, version: held.version, resolution, count: 1 })
}

const NOBODY: Context = Object.freeze({})
