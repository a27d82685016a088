/** Sums up what an experiment has shown; a part of Experiments. */
import { Cache, Clock, Effect, Equal, Exit, Hash, Semaphore } from "effect"
import { designOf, type Experiment, type StopWish } from "./Experiment.ts"
import { ExperimentStore } from "./ExperimentStore.ts"
import { resultsOf } from "./Results.ts"

export interface ExperimentsOptions {
  /** How long exposures and tracks are kept. */
  readonly keepReportsMillis: number
}

/** Milliseconds that results are kept, and how many times as long as it took to sum them up. XG2 */
const [FRESH, TIMES] = [5_000, 10]
/** Experiments whose results are kept. */
const KEPT = 256
const DAY = 86_400_000

/** The same for all that is known of one start. */
class Started implements Equal.Equal {
  readonly experiment: Experiment
  readonly #id: string

  constructor(experiment: Experiment) {
    this.experiment = experiment
    this.#id = `${experiment.environment}/${experiment.key}/${experiment.revision}`
  }

  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Started && that.#id === this.#id
  }

  [Hash.symbol](): number {
    return Hash.string(this.#id)
  }
}

export const makeReckoning = Effect.fnUntraced(function* ({ keepReportsMillis }: ExperimentsOptions) {
  const store = yield* ExperimentStore
  const clock = yield* Clock.Clock

  const notesOf = ({ startedAt }: Experiment, until: number): ReadonlyArray<string> =>
    until - startedAt <= keepReportsMillis
      ? []
      : [
          `it has run for longer than reports are kept (${Math.floor(keepReportsMillis / DAY)} days): who came before is not in it`
        ]

  const summing = yield* Semaphore.make(1)
  const reckon = (experiment: Experiment) =>
    Effect.gen(function* () {
      const design = designOf(experiment)
      const until = clock.currentTimeMillisUnsafe()
      const { environment, flag, flagVersion, startedAt } = experiment
      const variants = design.arms.map(({ variant }) => variant)
      const summed = yield* store.sum(environment, {
        ...{ flag, flagVersion, variants, metrics: design.metrics, until: Math.max(until, startedAt + 1) },
        from: Math.max(startedAt, until - keepReportsMillis)
      })
      return resultsOf(design, summed, until, notesOf(experiment, until))
    }).pipe(summing.withPermits(1))

  const timed = (experiment: Experiment) =>
    Effect.gen(function* () {
      const began = clock.currentTimeMillisUnsafe()
      const results = yield* reckon(experiment)
      return { results, lasts: Math.max(FRESH, TIMES * (clock.currentTimeMillisUnsafe() - began)) }
    })

  /** XG2 */
  const kept = yield* Cache.makeWith(({ experiment }: Started) => timed(experiment), {
    capacity: KEPT,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.lasts : 0)
  })
  const resultsFor = (experiment: Experiment) =>
    Effect.map(Cache.get(kept, new Started(experiment)), ({ results }) => results)

  /** For a stop, which is not to fail where the database is too slow to sum up. XG3 */
  const lastResults = (experiment: Experiment) =>
    Effect.catch(reckon(experiment), (error) =>
      error.refused
        ? Effect.fail(error)
        : Effect.as(Effect.logWarning("an experiment's results could not be kept", { reason: error.message }), null)
    )

  const stopWish = Effect.fnUntraced(function* (experiment: Experiment, winner: string | null) {
    const { environment, key } = experiment
    const results = yield* lastResults(experiment)
    return { kind: "experiment", environment, key, state: "stopped", winner, results } satisfies StopWish as StopWish
  })

  return { resultsFor, stopWish }
})
