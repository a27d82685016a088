/** An event that a cursor has seen and that is not done. Pure. */

import type { DeadReason } from "./DeadLetter.ts"

/** What is read of the log. */
export interface Read<B> {
  readonly offset: number
  /** 16 bits of its key; null: it has none. */
  readonly hash: number | null
  readonly bytes: number
  readonly body: B
}

/**
 * waiting: for its turn. out: a consumer has it. recalled: a consumer has it that is to give it back, since one before it failed. dead: it is to
 * be among the dead letters. buried: it is, as soon as that is durable. gone: it is done, or there is no such event any more.
 */
export type Stage = "waiting" | "out" | "recalled" | "dead" | "buried" | "gone"

export interface Item<B> {
  readonly offset: number
  readonly hash: number
  /** What it keeps in order with others; undefined: nothing. */
  readonly lane: number | undefined
  readonly bytes: number
  /** There only while it waits and its turn is near. */
  body: B | undefined
  stage: Stage
  /** How often it failed. */
  attempts: number
  /** It may be the last attempt: nothing else is with its consumer then. */
  alone: boolean
  /** Milliseconds; not before. */
  due: number
  /** The version of the state in which `attempts` and `alone` are kept; it goes out once that is durable. */
  version: number
  /** Of the delivery, while it is out or recalled. */
  token: number
  session: string
  /** Milliseconds; until then it is to be answered. */
  until: number
  /** Why it failed last; bounded. */
  cause: string
  /** Why it is to be among the dead letters, said by what decided that. */
  dead: DeadReason | undefined
}

/** The place of the first in ascending order whose offset is at or above it. */
export const placeOf = (items: ReadonlyArray<{ readonly offset: number }>, offset: number): number => {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (items[middle]!.offset < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** Puts it where it belongs; most come last. */
export const insert = <A extends { readonly offset: number }>(items: Array<A>, item: A): void => {
  const last = items.at(-1)
  if (last === undefined || last.offset < item.offset) items.push(item)
  else items.splice(placeOf(items, item.offset), 0, item)
}

export const remove = <A extends { readonly offset: number }>(items: Array<A>, item: A): void => {
  const at = items[0] === item ? 0 : placeOf(items, item.offset)
  if (items[at] === item) items.splice(at, 1)
}
