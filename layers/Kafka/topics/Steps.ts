/** Work in steps, between which others go on. */
import { Slices } from "../../../src/work/Slices.ts"

/** Yields where it may wait. */
export type Steps<A> = Generator<undefined, A, undefined>

const slices = new Slices()

/** Step by step; rejects with what a step throws. `began`: tests count with it how often it gave way. */
export const inSteps = async <A>(steps: Steps<A>, waits: () => boolean = slices.over): Promise<A> => {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    if (waits()) await new Promise<void>((go) => slices.soon(go))
  }
}
