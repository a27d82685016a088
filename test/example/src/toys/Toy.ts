/** A count under a key, and how the log and the lanes have it. Pure. */
import type { Wish } from "../commits/Release.ts"
import type { Kind } from "../propagation/Kind.ts"
import type { Change } from "../propagation/Revision.ts"

export interface Toy extends Change {
  readonly kind: "toy"
  readonly revision: bigint
  readonly count: number
}

export interface ToyWish extends Wish<Toy> {
  readonly count: number
}

/** As rows and JSON carry it: JSON has no 64-bit integers. */
export type ToyRow = Omit<Toy, "kind" | "revision"> & { readonly revision: string }

export const asToy = ({ environment, key, revision, count }: ToyRow): Toy => ({
  kind: "toy",
  environment,
  key,
  revision: BigInt(revision),
  count
})

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof ToyRow, unknown>>): said is ToyRow =>
  typeof said.environment === "string" &&
  typeof said.key === "string" &&
  typeof said.count === "number" &&
  /^\d+$/.test(String(said.revision))

export const toyKind: Kind<Toy> = {
  name: "toy",
  bytes: ({ key }) => 100 + 2 * key.length,
  fromLog: (stored) => asToy(stored as ToyRow),
  toLane: ({ environment, key, revision, count }) => ({ environment, key, revision: String(revision), count }),
  fromLane: (said) => (isRow(said) ? asToy(said) : undefined),
  word: "toy",
  told: ({ count }) => ({
    service: "",
    version: count,
    deleted: false,
    value: String(count),
    valueType: "number",
    digest: ""
  })
}
