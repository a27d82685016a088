/**
 * Says again and again what a node serves, and prolongs its lease by that. Part of Consuming.
 *
 *   LZ1  A subscription has its lease for so long since the store was asked, when it has heard which of its shares are another's: nobody hands any of
 *        these out. One of which that was not told goes by what it had before.
 *   LZ2  Who could not follow a log for longer than a lease lasts says so of the subscriptions on it.
 *   LZ4  Others have a turn between two subscriptions. What is too much for one answer is asked for at once, what was told longest ago first, so that a
 *        node gets to all that it serves, however much that is.
 *   LZ3  What a node has by the store and doesn't know of, as an answer was lost, it gives back, unless it may be about to hear of it.
 */
import { Effect, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { LogKind } from "../topics/Topic.ts"
import { lookingSlices } from "../work/Slices.ts"
import type { Attending, CursorStore, Standing } from "./CursorStore.ts"
import type { Following } from "./Following.ts"
import { type Given, makeGivingBack } from "./GivingBack.ts"
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
  /** There is more to be told: ask again at once. LZ4 */
  readonly again: () => void
  /** They are served no more. */
  readonly close: (ids: ReadonlyArray<string>) => Effect.Effect<void>
}

/** Milliseconds for which a node holds its shares once it has said so. SO2 */
export const LASTS = 5_000
export const makeLeasing = Effect.fnUntraced(function* (options: LeasingOptions) {
  const { run, store, now, servings, kindOf, followings, wake, again, close } = options
  const one = yield* Semaphore.make(1)
  const giveBack = yield* makeGivingBack(run, store)
  /** Answers of the store so far. LZ4 */
  let answers = 0

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
      const those = [...servings].sort(([, a], [, b]) => a.hands.told - b.hands.told)
      const attending = those.map(([id, serving]) => attendingOf(id, serving))
      const asked = now()
      const claiming = [...followings.values()].map((following) => [following, following.claiming()] as const)
      const standings = new Map(
        (yield* store.attend(run, attending, LASTS)).map((it) => [it.subscription.id, it] as const)
      )
      answers++
      const strays: Array<Given> = []
      const idle: Array<string> = []
      const wanted = new Map([...followings.keys()].map((kind) => [kind, new Map<string, ReadonlyArray<number>>()]))
      let isMore = false

      const heard = (id: string, serving: Serving, standing: Standing): void => {
        const shares = serving.stand(standing, run, now())
        if (serving.seats.size > 0 && shares.length > 0) wanted.get(kindOf(id))!.set(id, shares)
        for (const stray of serving.hands.strays) strays.push({ id, ...stray })
        if (standing.isCut === true) {
          isMore = true
          return
        }
        if (standing.shares !== undefined) serving.hands.told = answers
        const held = now() < serving.holds
        serving.holds = asked + LASTS // LZ1
        if (!held) wake(id)
      }

      yield* lookingSlices.through(function* () {
        for (const { id } of attending) {
          const [serving, standing] = [servings.get(id), standings.get(id)]
          if (serving === undefined) continue
          if (standing !== undefined) heard(id, serving, standing)
          if (!stand(serving, standing)) idle.push(id)
          yield
        }
      })
      for (const [kind, { want }] of followings) want(wanted.get(kind)!)
      const unclaimed = claiming.every(([its, before]) => before !== undefined && its.claiming() === before)
      // Somebody may have come since.
      yield* close(idle.filter((id) => !stand(servings.get(id)!, standings.get(id))))
      if (isMore) again()
      if (unclaimed && strays.length > 0) giveBack(strays) // LZ3
    })
  )

  return {
    attend,
    /** None of `attend` is under way meanwhile that has not heard of it. */
    enter: (attending: Attending): Effect.Effect<Standing | undefined, HeraldError> =>
      one.withPermits(1)(store.enter(run, attending, LASTS))
  }
})
