/**
 * Port: threads that do one job at a time, apart from the one that delivers.
 *
 *   TH1  A thread that hangs or runs out of memory takes nothing with it, and can always be ended.
 */
import { Context, type Effect, type Queue } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Job, JobResult, Stage } from "./Job.ts"

export type Heard =
  | { readonly _tag: "Entered"; readonly stage: Stage }
  | { readonly _tag: "Answered"; readonly answer: JobResult }
  | { readonly _tag: "Died"; readonly reason: string }

export interface Thread {
  /** Hands it a job; only when it has answered the one before. */
  readonly tell: (job: Job) => void
  /** What it says, in order. */
  readonly heard: Queue.Dequeue<Heard>
  readonly alive: () => boolean
  /** Begins to measure: the Effect tells how many milliseconds of CPU it used since; undefined where the platform can't. */
  readonly meter: () => Effect.Effect<number | undefined>
  readonly end: Effect.Effect<void>
}

export class Threads extends Context.Service<
  Threads,
  {
    /** How many may run at once. */
    readonly count: number
    /** Starts one. */
    readonly start: Effect.Effect<Thread, HeraldError>
  }
>()("herald/work/Threads") {}
