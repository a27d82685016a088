/** What is asked for, as it is kept, hashed and committed: a release as JSON with sorted names, each text as it was given. Pure. */
import type { Action, Wish } from "../commits/Release.ts"
import { canonical } from "../values/Canonical.ts"
import type { Base } from "./ChangeRequest.ts"

export interface Body {
  readonly environment: string
  readonly action: Action
  readonly message: string
  /** Of the bases. */
  readonly epoch: string
  readonly bases: ReadonlyArray<Base>
  readonly changes: ReadonlyArray<Wish>
  /** What it was checked against. */
  readonly basis: object | undefined
}

/** JSON has no 64-bit integers. */
const LONG = "$long"
const outward = (value: unknown): unknown => {
  if (typeof value === "bigint") return { [LONG]: String(value) }
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(outward)
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, outward(one)]))
}
const inward = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(inward)
  const { [LONG]: long, ...rest } = value as Record<string, unknown>
  if (typeof long === "string" && Object.keys(rest).length === 0) return BigInt(long)
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inward(one)]))
}

/** As `herald_commit` is given them, so that it can compare: a long of a wish is its digits. */
const asCommitted = (wish: Wish): object =>
  Object.fromEntries(Object.entries(wish).map(([name, of]) => [name, typeof of === "bigint" ? String(of) : of]))

export const bodyOf = ({ changes, basis, ...rest }: Body): string =>
  canonical({
    ...rest,
    changes: changes.map(asCommitted),
    ...(basis === undefined ? {} : { basis: outward(basis) })
  })

/** Of a rollout that a person moves. */
const longs = ["fence", "bad"] as const

const revived = (wish: Wish): Wish => {
  if (wish.kind !== "rollout") return wish
  const its = wish as Wish & Partial<Record<(typeof longs)[number], unknown>>
  const made: Record<string, unknown> = {}
  for (const name of longs) if (typeof its[name] === "string") made[name] = BigInt(its[name])
  return { ...wish, ...made }
}

/** As a node wrote it. */
export const bodyIn = (text: string): Body => {
  const { changes, basis, ...rest } = JSON.parse(text) as Omit<Body, "basis"> & { readonly basis?: unknown }
  return {
    ...rest,
    changes: changes.map(revived),
    basis: basis === undefined ? undefined : (inward(basis) as object)
  }
}
