/** What a node knows of experiments: those that run, and so which flags are held. */
import { Context, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { isNewer, type Position, sameEpoch } from "../propagation/Position.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import type { NextView, View } from "../propagation/View.ts"
import type { Experiment } from "./Experiment.ts"
import { type ExperimentCursor, ExperimentStore } from "./ExperimentStore.ts"

export class ExperimentView extends Context.Service<
  ExperimentView,
  View<Experiment> & {
    /** The one that runs on a flag. */
    readonly on: (environment: string, flag: string) => Experiment | undefined
    /** All that run in an environment, in no order. */
    readonly running: (environment: string) => Iterable<Experiment>
  }
>()("herald/experiments/ExperimentView") {
  static readonly layer = Layer.effect(
    ExperimentView,
    Effect.suspend(() => make)
  )
}

/** By environment and flag. */
class Running {
  readonly #byFlag = new Map<string, Map<string, Experiment>>()
  size = 0

  set(experiment: Experiment): void {
    const { environment, flag, key, state, revision } = experiment
    let flags = this.#byFlag.get(environment)
    const held = flags?.get(flag)
    if (held !== undefined && held.revision > revision) return
    if (state === "running") {
      if (flags === undefined) this.#byFlag.set(environment, (flags = new Map()))
      if (held === undefined) this.size++
      flags.set(flag, experiment)
    } else if (held?.key === key) {
      this.size--
      flags!.delete(flag)
    }
  }

  on(environment: string, flag: string): Experiment | undefined {
    return this.#byFlag.get(environment)?.get(flag)
  }

  in(environment: string): Iterable<Experiment> {
    return this.#byFlag.get(environment)?.values() ?? []
  }
}

const make = Effect.gen(function* () {
  const store = yield* ExperimentStore
  const log = yield* RevisionLog
  let served = new Running()

  const read: Effect.Effect<NextView<Experiment>, HeraldError> = Effect.gen(function* () {
    const next = new Running()
    const from = yield* log.head
    let newest: Position = from
    let after: ExperimentCursor | undefined
    while (true) {
      const page = yield* store.page(after)
      for (const one of page) {
        next.set(one)
        const at = { epoch: from.epoch, revision: one.revision }
        if (isNewer(at, newest)) newest = at
      }
      if (page.length === 0) break
      after = page.at(-1)
      yield* Effect.yieldNow
    }
    if (!sameEpoch(yield* log.head, from)) return yield* read
    return {
      from,
      newest,
      catchUp: (experiment: Experiment) => next.set(experiment),
      begin: () => {
        served = next
      }
    }
  })

  return ExperimentView.of({
    kind: "experiment",
    read,
    apply: (experiment) => served.set(experiment),
    committed: () => {},
    count: () => served.size,
    forget: () => {},
    on: (environment, flag) => served.on(environment, flag),
    running: (environment) => served.in(environment)
  })
})
