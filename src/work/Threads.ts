/**
 * Port: threads beside the one that delivers, each of which does one job at a time.
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
  /** Gives it a job. Only when it has answered the one before. */
  readonly tell: (job: Job) => void
  /** What it answers, in order. */
  readonly heard: Queue.Dequeue<Heard>
  readonly alive: () => boolean
  /** Begins to measure. The Effect gives the milliseconds of CPU used since; undefined where the platform can't tell. */
  readonly meter: () => Effect.Effect<number | undefined>
  readonly end: Effect.Effect<void>
}

export class Threads extends Context.Service<
  Threads,
  {
    /** How many may run at once. */
    readonly count: number
    /** Starts one. Fails `Internal`. */
    readonly start: Effect.Effect<Thread, HeraldError>
  }
>()("herald/work/Threads") {}
