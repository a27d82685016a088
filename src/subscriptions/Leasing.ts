/**
 * Says again and again what a node serves, and prolongs its lease by that. Part of Consuming.
 *
 *   LZ1  What is known of the lease is known after each subscription has heard which of its shares are another's: nobody hands any of these out.
 *   LZ2  Who could not follow a log for longer than a lease lasts says so of the subscriptions on it.
 *   LZ3  What a node has by the store and doesn't know of, as an answer was lost, it gives back, unless it may be about to hear of it.
 */
import { Effect, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { LogKind } from "../topics/Topic.ts"
import type { Attending, CursorStore, Standing } from "./CursorStore.ts"
import type { Following } from "./Following.ts"
import type { Serving } from "./Serving.ts"

export interface LeasingOptions {
  readonly run: string
  readonly store: CursorStore["Service"]
  /** Milliseconds. SO5 */
  readonly now: () => number
  readonly servings: ReadonlyMap<string, Serving>
  readonly kindOf: (id: string) => LogKind
  readonly followings: ReadonlyMap<LogKind, Following>
  readonly wake: (id: string) => void
  /** They are served no more. */
  readonly close: (ids: ReadonlyArray<string>) => Effect.Effect<void>
}

/** Milliseconds for which a node holds its shares once it has said so. SO2 */
export const LASTS = 5_000
/** Shares that are given back at once. LZ3 */
const STRAYS = 512

type Given = Parameters<CursorStore["Service"]["give"]>[1][number]

export const makeLeasing = Effect.fnUntraced(function* (options: LeasingOptions) {
  const { run, store, now, servings, kindOf, followings, wake, close } = options
  const one = yield* Semaphore.make(1)
  /** Milliseconds: until then shares are held for sure. SO3 */
  let holds = Number.NEGATIVE_INFINITY

  const attendingOf = (id: string, { seats, lives, hands, subscription }: Serving): Attending => {
    const isBehind = followings.get(kindOf(id))!.isBehind(subscription.topicId) // LZ2
    return { id, consumers: seats.size, lives, isBehind, stamp: hands.stamp }
  }

  /** False: it is not served any more. */
  const stand = (serving: Serving, standing: Standing | undefined): boolean => {
    if (standing !== undefined) return serving.seats.size > 0 || serving.held.size > 0
    for (const share of [...serving.held.keys()]) serving.lose(share)
    for (const seat of serving.seats.values()) seat.end("deleted")
    return false
  }

  /** SO4 */
  const attend = one.withPermits(1)(
    Effect.gen(function* () {
      const attending = [...servings].map(([id, serving]) => attendingOf(id, serving))
      const asked = now()
      const claiming = [...followings.values()].map((following) => [following, following.claiming()] as const)
      const standings = new Map(
        (yield* store.attend(run, attending, LASTS)).map((it) => [it.subscription.id, it] as const)
      )
      const strays: Array<Given> = []
      const gone: Array<string> = []
      const wanted = new Map([...followings.keys()].map((kind) => [kind, new Map<string, ReadonlyArray<number>>()]))
      for (const { id } of attending) {
        const serving = servings.get(id)
        if (serving === undefined) continue
        const standing = standings.get(id)
        const shares = standing === undefined ? [] : serving.stand(standing, run, now())
        if (!stand(serving, standing)) gone.push(id)
        else if (serving.seats.size > 0 && shares.length > 0) wanted.get(kindOf(id))!.set(id, shares)
        for (const stray of standing === undefined ? [] : serving.hands.strays(serving.held))
          strays.push({ id, ...stray })
      }
      const held = now() < holds
      holds = asked + LASTS // LZ1
      if (!held) for (const { id } of attending) wake(id)
      for (const [kind, { want }] of followings) want(wanted.get(kind)!)
      const unclaimed = claiming.every(([its, before]) => before !== undefined && its.claiming() === before)
      yield* close(gone)
      if (unclaimed && strays.length > 0) yield* store.give(run, strays.slice(0, STRAYS)) // LZ3
    })
  )

  return {
    attend,
    holds: () => holds,
    /** None of `attend` is under way meanwhile that has not heard of it. */
    enter: (attending: Attending): Effect.Effect<Standing | undefined, HeraldError> =>
      one.withPermits(1)(store.enter(run, attending, LASTS))
  }
})
