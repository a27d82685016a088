/**
 * The shares of a subscription: what of it one node at a time hands out. Pure.
 *
 * One consumer has all of an exclusive or failover subscription, so its share is one. Of any other, each partition is cut into as many slices
 * of the 65,536 hashes as nodes may want their part; many partitions need fewer slices.
 */
import { isSingle, type SubscriptionType } from "./Subscription.ts"

/** Of a key. */
export const HASHES = 65_536
/** Shares that a subscription on a topic with few partitions has: nodes with consumers that get a part each. */
const SHARES = 16

/** Part of a partition, with its own position. */
export interface Slice {
  readonly partition: number
  /** Hashes from `from` to before `to`. */
  readonly from: number
  readonly to: number
}

/** A power of two, so that slices are the same whenever partitions are added to between. */
export const slicesOf = (type: SubscriptionType, partitions: number): number => {
  let slices = 1
  while (!isSingle(type) && slices * partitions < SHARES) slices *= 2
  return slices
}

/** Of each share by its number. `slices`: as they were when it was created. SI3 */
export const sharesOf = (
  type: SubscriptionType,
  partitions: number,
  slices: number
): ReadonlyArray<ReadonlyArray<Slice>> => {
  const all = Array.from({ length: partitions }, (_, partition) => ({ partition, from: 0, to: HASHES }))
  if (isSingle(type)) return [all]
  const width = HASHES / slices
  return all.flatMap(({ partition }) =>
    Array.from({ length: slices }, (_, at) => [{ partition, from: at * width, to: (at + 1) * width }])
  )
}

/** Where an event without a key is: anywhere, but everywhere the same. */
export const hashOfOffset = (offset: number): number => {
  let one = Math.imul((offset % 4_294_967_296) ^ Math.floor(offset / 4_294_967_296), 0x9e3779b1)
  one = Math.imul(one ^ (one >>> 15), 0x85ebca6b)
  return (one ^ (one >>> 16)) & 0xffff
}
