/** What is changed by force ends the experiment that holds it, in the same commit. XE1 */
import { Effect, Layer } from "effect"
import { type Judge, Rules } from "../commits/Rules.ts"
import type { StopWish } from "./Experiment.ts"
import { ExperimentStore } from "./ExperimentStore.ts"
import { type ExperimentsOptions, makeReckoning } from "./Reckoning.ts"

const judging = Effect.fnUntraced(function* (options: ExperimentsOptions) {
  const before = yield* Rules
  const store = yield* ExperimentStore
  const { stopWish } = yield* makeReckoning(options)

  const judge: Judge = Effect.fnUntraced(function* (release, basis, again) {
    const judged = yield* before(release, basis, again)
    if (!release.force) return judged
    const { changes } = release
    const ends: Array<StopWish> = []
    for (const environment of new Set(changes.map((change) => change.environment))) {
      const here = changes.filter((change) => change.environment === environment)
      const flags = new Set(here.flatMap(({ kind, key }) => (kind === "flag" ? [key] : [])))
      if (flags.size === 0) continue
      const own = new Set(here.flatMap(({ kind, key }) => (kind === "experiment" ? [key] : [])))
      for (const experiment of yield* store.running(environment)) {
        if (flags.has(experiment.flag) && !own.has(experiment.key)) ends.push(yield* stopWish(experiment, null))
      }
    }
    return ends.length === 0 ? judged : { ...judged, besides: [...judged.besides, ...ends] }
  })
  return judge
})

/** On the rules that there are. */
export const rules = (options: ExperimentsOptions) => Layer.effect(Rules, judging(options))
