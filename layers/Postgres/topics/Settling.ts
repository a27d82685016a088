/** Makes what a round was answered into what each of its batches is told. Pure. */
import { judge, type Known, type Outcome } from "../../../src/topics/Batch.ts"
import { type Answer, knownOf } from "./Asking.ts"
import type { Gathered } from "./Round.ts"
import { earliest, type Waiting } from "./Waiting.ts"

export interface Settled {
  readonly ended: ReadonlyArray<readonly [Waiting, Outcome]>
  /** To be sent again, in this order, before others of their partition. */
  readonly again: ReadonlyArray<Waiting>
}

/** `now`: nanoseconds of the monotonic clock. */
export const settle = ({ batches }: Gathered, answer: Answer, now: bigint): Settled => {
  switch (answer[0]) {
    case "placed": {
      const [, base, epoch, at] = answer
      let offset = base
      const ended = batches.map((one): readonly [Waiting, Outcome] => {
        const { count } = one.events
        const placed = [...one.there, { offset, count, duplicate: false }]
        offset += count
        return [one, { is: "placed", epoch, placed, at }]
      })
      return { ended, again: [] }
    }
    case "look":
      return looked(batches, answer)
    case "gone":
      return { ended: batches.map((one) => [one, { is: "gone" }]), again: [] }
    case "late": {
      // The database went by the one that had the least time.
      const least = earliest(batches)
      const over = ({ until }: Waiting) => until <= least || until <= now
      return {
        ended: batches.filter(over).map((one) => [one, { is: "late" }]),
        again: batches.filter((one) => !over(one))
      }
    }
  }
}

const looked = (
  batches: ReadonlyArray<Waiting>,
  [, said, epoch, at]: Extract<Answer, readonly ["look", ...ReadonlyArray<unknown>]>
): Settled => {
  const ended: Array<readonly [Waiting, Outcome]> = []
  const again: Array<Waiting> = []
  /** With what goes before, and will be appended with it. */
  const known = new Map<string, Known | undefined>()
  for (const one of batches) {
    const { producing } = one
    if (producing === undefined) {
      again.push(one)
      continue
    }
    const { producer } = producing
    if (!known.has(producer)) known.set(producer, knownOf(Object.hasOwn(said, producer) ? said[producer] : undefined))
    const held = known.get(producer)
    const found = judge(held, producing, one.events.count)
    if (found.is !== "fresh") {
      ended.push([one, found])
      continue
    }
    one.cut(found.there, found.skip)
    if (one.events.count === 0) ended.push([one, { is: "placed", epoch, placed: one.there, at }])
    else {
      again.push(one)
      known.set(producer, { ...held!, sequence: held!.sequence + one.events.count })
    }
  }
  return { ended, again }
}
