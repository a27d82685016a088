/**
 * The twin of Threads for unit tests: does the same work in the test's own thread. Jobs for which `hangs` or `explodes` is true only seem to hang
 * or to end their thread.
 */
import { Effect, Layer, Queue } from "effect"
import { readers } from "../../../src/flags/Checking.ts"
import { type Job, perform } from "../../../src/work/Job.ts"
import { type Heard, type Thread, Threads } from "../../../src/work/Threads.ts"
import { makeSchemaCheck } from "./Schemas.ts"

export interface InlineOptions {
  readonly count: number
  readonly hangs: (job: Job) => boolean
  readonly explodes: (job: Job) => boolean
  /** Called when a job begins. */
  readonly began: (job: Job) => void
}

const inlineDefaults: InlineOptions = {
  count: 2,
  hangs: () => false,
  explodes: () => false,
  began: () => {}
}

export const layer = (options: Partial<InlineOptions> = {}) => {
  const { count, hangs, explodes, began } = { ...inlineDefaults, ...options }
  const start = Effect.gen(function* () {
    const heard = yield* Queue.unbounded<Heard>()
    const check = makeSchemaCheck()
    let alive = true
    const say = (said: Heard) => Queue.offerUnsafe(heard, said)
    const tell: Thread["tell"] = (sent) => {
      const job = structuredClone(sent)
      began(job)
      const stage =
        job.kind === "compare"
          ? "compare"
          : job.kind === "check" || (job.kind === "read" && job.schema !== undefined)
            ? "schema"
            : "read"
      if (explodes(job)) {
        alive = false
        say({ _tag: "Entered", stage: "read" })
        say({ _tag: "Died", reason: "out of memory" })
      } else if (hangs(job)) say({ _tag: "Entered", stage })
      else {
        const answer = perform(job, check, (entered) => say({ _tag: "Entered", stage: entered }), readers)
        say({ _tag: "Answered", answer: structuredClone(answer) })
      }
    }
    return {
      tell,
      heard,
      alive: () => alive,
      meter: () => Effect.undefined,
      end: Effect.sync(() => void (alive = false))
    }
  })
  return Layer.succeed(Threads, { count, start })
}
