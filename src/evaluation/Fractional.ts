/**
 * Buckets of the operator `fractional` (`v2`: flagd 0.14 and newer; `v3`: what is agreed to follow). Pure.
 *
 *   FB4  Somebody's bucket is `(hash · total) >> 32`, exact for every hash and every total of up to 2^31 − 1: the first bucket whose running sum is above it.
 *   FB5  What is wrong with the buckets gives null, so that the default variant is served. A weight below zero is zero.
 *   FB6  Growing a bucket from the front keeps who is in it.
 */

import { cborOf } from "./Cbor.ts"
import type { Json } from "./Json.ts"
import { hashBytes, hashText } from "./Murmur.ts"

/** How people are put into buckets: `v2` hashes text, `v3` any JSON. */
export type Bucketing = "v2" | "v3"
export const BUCKETINGS: ReadonlyArray<Bucketing> = ["v2", "v3"]

/** Of one weight, and of their sum. */
export const WEIGHT = 2_147_483_647

type Served = string | number | boolean | null

export interface Buckets {
  readonly variants: ReadonlyArray<Served>
  /** Running sums of weights. */
  readonly sums: ReadonlyArray<number>
  /** The smallest hash that is behind each bucket: comparing is all that is left to do. FB4 */
  readonly ends: Float64Array
  readonly total: number
}

const isServed = (value: unknown): value is Served =>
  value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean"

/** What is wrong with one, worded to follow its place; undefined: nothing is. */
export const bucketProblem = (bucket: unknown): string | undefined => {
  if (!Array.isArray(bucket)) return "is no bucket: [variant, weight]"
  if (bucket.length === 0 || bucket.length > 2) return "is no bucket: it has a variant and a weight, or a variant alone"
  if (!isServed(bucket[0] ?? null)) return "has no variant's name first"
  const weight: unknown = bucket.length === 2 ? bucket[1] : 1
  if (typeof weight !== "number" || !Number.isInteger(weight)) return "has no whole number as its weight"
  return weight > WEIGHT ? `has a weight above ${WEIGHT}` : undefined
}

/** From what a rule gives as buckets; undefined: they are wrong. FB5 */
export const readBuckets = (given: ReadonlyArray<unknown>): Buckets | undefined => {
  const variants: Array<Served> = []
  const sums: Array<number> = []
  let total = 0
  for (const one of given) {
    if (bucketProblem(one) !== undefined) return undefined
    const bucket = one as ReadonlyArray<unknown>
    total += Math.max(0, bucket.length === 2 ? (bucket[1] as number) : 1)
    if (total > WEIGHT) return undefined
    variants.push((bucket[0] ?? null) as Served)
    sums.push(total)
  }
  const ends = Float64Array.from(sums, (sum) => endOf(sum, total))
  return { variants, sums, ends, total }
}

const endOf = (sum: number, total: number): number => {
  if (total === 0) return 0
  const [wide, whole] = [BigInt(sum) << 32n, BigInt(total)]
  return Number((wide + whole - 1n) / whole)
}

/** FB4 */
export const bucketOf = (hash: number, total: number): number => {
  const high = Math.floor(hash / 65_536)
  const low = hash % 65_536
  return Math.floor((high * total + Math.floor((low * total) / 65_536)) / 65_536)
}

/** The variant of a hash. FB4 */
export const chosen = ({ variants, ends }: Buckets, hash: number): Served => {
  for (let at = 0; at < ends.length; at++) if (hash < ends[at]!) return variants[at]!
  return null
}

/** By what somebody is put into a bucket, when the rule does not say: the flag's key and theirs. Undefined: nobody is there to be put. */
export const unitOf = (bucketing: Bucketing, flagKey: string, targetingKey: unknown): Json | undefined => {
  if (targetingKey === undefined || targetingKey === null || targetingKey === "") return undefined
  if (bucketing === "v3") return typeof targetingKey === "string" ? [flagKey, targetingKey] : undefined
  return targetingKey ? `${flagKey}${targetingKey}` : undefined
}

/** By what the rule says: its first argument. Undefined: it says nothing, or nothing that this bucketing takes. */
export const isUnit = (bucketing: Bucketing, first: unknown): boolean =>
  bucketing === "v2" ? typeof first === "string" : first !== null && first !== undefined && !Array.isArray(first)

export const hashOf = (bucketing: Bucketing, unit: Json): number =>
  bucketing === "v2" ? hashText(unit as string) : hashBytes(cborOf(unit))
