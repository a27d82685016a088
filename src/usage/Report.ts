/**
 * What an application reports, checked item by item. Pure.
 *
 *   UR1  A batch that can't be taken as a whole is refused; what is wrong with one item refuses that item, with its place and why.
 *   UR2  Who was shown something or did it is hashed here with the nodes' key. The name itself goes nowhere: not into a store, a log or an error.
 *   UR3  Only flags and variants that are there count, and OpenFeature's reasons and codes: names that are made up are never kept.
 *   UR4  What is older than a day is refused: so a batch whose name is forgotten (UT1) can't count again.
 */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { exceeds } from "../values/Value.ts"
import { ERROR_CODES, type Exposure, REASONS, type Track, type UsageBatch, type Use } from "./Use.ts"

/** Items of all kinds together. */
export const ITEMS = 1_000
/** Refusals that are told one by one. */
export const TOLD = 100
/** Evaluations that one item may count. */
export const MOST = 1_000_000_000
/** Characters of who it was, and of a track's name. */
export const [UNIT, TRACK_NAME] = [256, 100]
/** Entries of a track's details, and bytes of their JSON. */
export const [DETAILS, DETAILS_JSON] = [16, 1_024]
/** Milliseconds that a time may be behind, or ahead of this node's clock. UR4 */
export const [OLDEST, AHEAD] = [86_400_000, 300_000]

/** As it is said. Times: milliseconds since 1970, 0 for now. */
export interface Said {
  readonly batchId: string
  readonly environment: string
  readonly sdk: string
  readonly evaluations: ReadonlyArray<{
    readonly flag: string
    readonly variant: string
    readonly version: number
    readonly reason: string
    readonly errorCode: string
    readonly count: number
    readonly lastAt: number
  }>
  readonly exposures: ReadonlyArray<Omit<Exposure, "unit"> & { readonly unit: string }>
  readonly tracks: ReadonlyArray<{
    readonly name: string
    readonly unit: string
    readonly value: number | undefined
    readonly at: number
    /** Undefined: none. */
    readonly details: unknown
  }>
}

export interface Refused {
  readonly field: "evaluations" | "exposures" | "tracks"
  readonly index: number
  readonly problem: string
}

export interface Checked {
  readonly batch: UsageBatch
  readonly items: number
  readonly refused: ReadonlyArray<Refused>
  readonly refusedCount: number
}

export interface HowToCheck {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly principal: string
  /** Undefined: there is no such flag. */
  readonly hasVariant: (flag: string, variant: string) => boolean | undefined
  /** A keyed hash in hex. */
  readonly hashOf: (unit: string) => string
}

const BATCH_ID = /^[A-Za-z0-9_-]{8,64}$/
const SDK = /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const PLAIN = /^[^\u0000-\u001f\u007f-\u009f]+$/
const INT = 2_147_483_647

const isPlain = (text: string, max: number): boolean => text.length <= max && text.isWellFormed() && PLAIN.test(text)

/** What is wrong with the batch as a whole. UR1 */
const problemOf = ({ batchId, sdk, evaluations, exposures, tracks }: Said): string | undefined => {
  if (!BATCH_ID.test(batchId)) return `batch_id: ${excerpt(batchId)} is no name: 8 to 64 of A-Z a-z 0-9 - _`
  if (!SDK.test(sdk) && (sdk !== "" || evaluations.length > 0))
    return `sdk: ${excerpt(sdk)} is no name: 1 to 64 printable characters of ASCII`
  const items = evaluations.length + exposures.length + tracks.length
  if (items > ITEMS) return `the batch has ${items} items; ${ITEMS} are the most`
  return undefined
}

const timeProblem = (at: number, now: number): string | undefined => {
  if (!Number.isSafeInteger(at)) return "its time is no time"
  if (at !== 0 && at < now - OLDEST) return "it is older than a day"
  return at > now + AHEAD ? "its time is ahead of the server's clock" : undefined
}

const versionProblem = (version: number): string | undefined =>
  Number.isInteger(version) && version >= 0 && version <= INT ? undefined : "its version is no version"

const unitProblem = (unit: string): string | undefined =>
  isPlain(unit, UNIT) ? undefined : `its unit is no text of 1 to ${UNIT} characters`

const detailsProblem = (details: unknown): string | undefined => {
  if (details === undefined) return undefined
  if (typeof details !== "object" || details === null || Array.isArray(details)) return "its details are no object"
  const entries = Object.entries(details)
  if (entries.length > DETAILS) return `its details have ${entries.length} entries; ${DETAILS} are the most`
  for (const [name, value] of entries) {
    const right =
      typeof value === "string"
        ? value.isWellFormed() && !value.includes("\u0000")
        : typeof value === "number"
          ? Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
          : typeof value === "boolean"
    if (!right || !isPlain(name, UNIT)) return "its details may hold texts, numbers, true and false"
  }
  return exceeds(JSON.stringify(details), DETAILS_JSON)
    ? `its details are longer than ${DETAILS_JSON} bytes as JSON`
    : undefined
}

/** UR1 */
export const checked = (said: Said, how: HowToCheck): Checked | HeraldError => {
  const problem = problemOf(said)
  if (problem !== undefined) return failure("InvalidInput", problem)
  const { environment, batchId, sdk } = said
  const { now, principal, hasVariant, hashOf } = how
  const refused: Array<Refused> = []
  let refusedCount = 0

  /** Those that have no problem. */
  const right = <A, B>(
    field: Refused["field"],
    items: ReadonlyArray<A>,
    problemOf: (item: A) => string | undefined,
    made: (item: A) => B
  ): ReadonlyArray<B> => {
    const kept: Array<B> = []
    for (const [index, item] of items.entries()) {
      const problem = problemOf(item)
      if (problem === undefined) kept.push(made(item))
      else if (++refusedCount <= TOLD) refused.push({ field, index, problem })
    }
    return kept
  }
  /** UR3 */
  const flagProblem = (flag: string, variant: string): string | undefined => {
    const has = hasVariant(flag, variant)
    if (has === undefined) return `there is no flag ${excerpt(flag)}`
    return has || variant === "" ? undefined : `${excerpt(flag)} has no variant ${excerpt(variant)}`
  }
  const timeOf = (at: number): number => (at === 0 ? now : at)

  const uses = right(
    "evaluations",
    said.evaluations,
    ({ flag, variant, version, reason, errorCode, count, lastAt }) =>
      (REASONS.includes(reason) ? undefined : `${excerpt(reason)} is no reason of OpenFeature's`) ??
      (errorCode === "" || (reason === "ERROR" && ERROR_CODES.includes(errorCode))
        ? undefined
        : `${excerpt(errorCode)} is no error code of OpenFeature's, or the reason is not ERROR`) ??
      (Number.isInteger(count) && count >= 1 && count <= MOST ? undefined : `its count is not from 1 to ${MOST}`) ??
      versionProblem(version) ??
      timeProblem(lastAt, now) ??
      flagProblem(flag, variant),
    ({ flag, variant, version, reason, errorCode, count, lastAt }): Use => ({
      ...{ flag, variant, version, count, sdk, door: "report" },
      outcome: errorCode === "" ? reason : errorCode,
      at: timeOf(lastAt)
    })
  )
  const exposures = right(
    "exposures",
    said.exposures,
    ({ flag, variant, version, unit, at }) =>
      unitProblem(unit) ?? versionProblem(version) ?? timeProblem(at, now) ?? flagProblem(flag, variant),
    ({ flag, variant, version, unit, at }): Exposure => ({ flag, variant, version, unit: hashOf(unit), at: timeOf(at) })
  )
  const tracks = right(
    "tracks",
    said.tracks,
    ({ name, unit, value, at, details }) =>
      (isPlain(name, TRACK_NAME) ? undefined : `its name is no text of 1 to ${TRACK_NAME} characters`) ??
      unitProblem(unit) ??
      (value === undefined || Number.isFinite(value) ? undefined : "its value is no number") ??
      timeProblem(at, now) ??
      detailsProblem(details),
    ({ name, unit, value, at, details }): Track => ({
      name,
      unit: hashOf(unit), // UR2
      value: value ?? null,
      at: timeOf(at),
      details: (details ?? null) as Track["details"]
    })
  )
  return {
    batch: { environment, principal, batch: batchId, uses, exposures, tracks },
    items: uses.length + exposures.length + tracks.length,
    refused,
    refusedCount
  }
}
