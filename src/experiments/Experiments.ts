/**
 * Use cases on experiments. Every method checks `CurrentIdentity` for the environment that it touches.
 *
 *   XG1  What is compared can be compared: the flag has the variants, and shares that are said, published with the start, or read from its rule.
 *   XG2  Results are summed up in the database, one experiment at a time, and kept for five seconds, or ten times as long as that took: whoever
 *        watches costs it no more than one who looks.
 *   XG3  What was shown when an experiment was stopped is kept with it, as long as it is.
 *   XG4  An experiment is there for whoever may touch experiments on its flag, and the flag.
 */
import { Context, Effect, Layer } from "effect"
import { touchesAll } from "../access/About.ts"
import { requirePermission } from "../access/Access.ts"
import type { Identity } from "../access/Identity.ts"
import { ofEveryKey, scopeOf } from "../access/KeyScope.ts"
import { forbidden } from "../access/Refusal.ts"
import { requireEach } from "../access/RequireEach.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Committed } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { FlagHolds } from "../flags/FlagHolds.ts"
import { Flags } from "../flags/Flags.ts"
import { targetProblem } from "../keys/Target.ts"
import type { Change } from "../propagation/Revision.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { aboutsOfFlag, designOf, type Experiment, NAME, type State } from "./Experiment.ts"
import { ExperimentStore } from "./ExperimentStore.ts"
import { ExperimentView } from "./ExperimentView.ts"
import { type ExperimentsOptions, makeReckoning } from "./Reckoning.ts"
import type { Results } from "./Results.ts"
import { formOf, served } from "./Split.ts"
import { makeStarting } from "./Starting.ts"
import { type Wanted, wantedProblem } from "./Wanted.ts"

/** What became of a start. */
export interface Started {
  readonly committed: Committed
  /** What its author may want to know. */
  readonly warnings: ReadonlyArray<string>
}

export interface Stopping extends CommitOptions {
  /** A variant; undefined: none. */
  readonly winner: string | undefined
  /** The variant that everyone is served from now on, in the same commit; undefined: the flag stays as it is. */
  readonly serve: string | undefined
}

export class Experiments extends Context.Service<
  Experiments,
  {
    /** Fails `InvalidExperiment`, `LayerFull`, `NotFound`, `ExperimentRunning`, `FlagInExperiment`, `InRollout`, `ExperimentsFull`, and as a publish of the flag. */
    readonly start: (wanted: Wanted, options: CommitOptions) => Effect.Effect<Started, HeraldError>
    /** Fails `NotFound`, `ExperimentOver`, and as a publish of the flag. */
    readonly stop: (environment: string, key: string, options: Stopping) => Effect.Effect<Committed, HeraldError>
    /** Fails `NotFound`. */
    readonly get: (environment: string, key: string) => Effect.Effect<Experiment, HeraldError>
    /** In the order of their names: one page (PB1), behind `after`. */
    readonly list: (
      environment: string,
      options: {
        readonly limit: number
        readonly after: string
        readonly state: State | undefined
        readonly flag: string | undefined
      }
    ) => Effect.Effect<ReadonlyArray<Experiment>, HeraldError>
    /** Newest first: one page (PB1). Fails `NotFound`. */
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly before: number | undefined }
    ) => Effect.Effect<ReadonlyArray<Experiment>, HeraldError>
    /** So far, or as they were when it was stopped; null: they could not be had then. Fails `NotFound`. XG2, XG3 */
    readonly results: (
      environment: string,
      key: string
    ) => Effect.Effect<{ readonly experiment: Experiment; readonly results: Results | null }, HeraldError>
  }
>()("herald/experiments/Experiments") {
  static readonly layer = (options: ExperimentsOptions) =>
    Layer.effect(Experiments, make(options)).pipe(Layer.provide([FlagHolds.layer, Flags.layer]))
}

const make = Effect.fnUntraced(function* (options: ExperimentsOptions) {
  const store = yield* ExperimentStore
  const view = yield* ExperimentView
  const flags = yield* Flags
  const holds = yield* FlagHolds
  const commit = yield* makeCommitting

  const { resultsFor, stopWish } = yield* makeReckoning(options)

  holds.add((environment, flag) => {
    const experiment = view.on(environment, flag)
    return experiment && { kind: "experiment", key: experiment.key }
  })

  const permit = Effect.fnUntraced(function* (
    permission: "config.read" | "config.write",
    environment: string,
    key: string
  ) {
    const identity = yield* requirePermission(permission, environment, { kind: "experiment" })
    const problem = targetProblem(environment, key)
    if (problem !== undefined) return yield* problem
    if (key.length > NAME)
      return yield* failure(
        "InvalidInput",
        `an experiment's name has at most ${NAME} characters; this one has ${key.length}`
      )
    return identity
  })

  /** XG4 */
  const found = Effect.fnUntraced(function* (identity: Identity, environment: string, key: string) {
    const sees = ({ flag }: Pick<Experiment, "flag">) => touchesAll(identity, aboutsOfFlag(flag))
    const it = yield* store.find(environment, key)
    if (it !== undefined && sees(it)) return it
    const [near] = nearby(
      key,
      Array.from(view.running(environment))
        .filter(sees)
        .map((one) => one.key)
    )
    return yield* failure(
      "NotFound",
      `there is no experiment ${key} in ${environment}${near === undefined ? "" : `; did you mean ${near}?`}`,
      { details: { key, environment } }
    )
  })

  const { checkedStart, flagOf } = yield* makeStarting

  return Experiments.of({
    start: Effect.fn("Experiments.start")(function* (wanted, options) {
      const { environment, key } = wanted
      const identity = yield* permit("config.write", environment, key)
      yield* requireEach("config.write", environment, aboutsOfFlag(wanted.flag)) // XG4
      const problem = targetProblem(environment, wanted.flag) ?? wantedProblem(wanted)
      if (problem !== undefined) return yield* problem
      const taken = ofEveryKey(identity) ? undefined : yield* store.find(environment, key)
      if (taken !== undefined && !touchesAll(identity, aboutsOfFlag(taken.flag)))
        return yield* forbidden(
          "keys",
          `the name ${key} is that of an experiment on a flag which ${identity.name} may not change; take another`,
          { environment, key }
        )
      const salt = `${key}.${crypto.randomUUID().slice(0, 8)}:`
      let warnings: ReadonlyArray<string> = []
      const committed = yield* commit<Change>({
        action: "experiment",
        identity,
        options,
        request: { kind: "experiment", start: wanted },
        check: () =>
          Effect.map(
            checkedStart(wanted, salt, (all) => {
              warnings = all
            }),
            (changes) => ({ changes, conditional: true })
          )
      })
      return { committed, warnings }
    }),

    stop: Effect.fn("Experiments.stop")(function* (environment, key, { winner, serve, ...options }) {
      const identity = yield* permit("config.write", environment, key)
      return yield* commit<Change>({
        action: "experiment",
        identity,
        options,
        request: { kind: "experiment", environment, stop: key, winner, serve },
        check: () =>
          Effect.gen(function* () {
            const experiment = yield* found(identity, environment, key)
            const { arms } = designOf(experiment)
            if (winner !== undefined && !arms.some(({ variant }) => variant === winner))
              return yield* failure(
                "InvalidExperiment",
                `${excerpt(winner)} is none of the variants of ${key}: ${arms.map(({ variant }) => variant).join(", ")}`
              )
            const stop = yield* stopWish(experiment, winner ?? null)
            if (serve === undefined) return { changes: [stop] }
            const { flag, json } = yield* flagOf(environment, experiment.flag)
            if (!Object.hasOwn(formOf(json).variants, serve))
              return yield* failure("InvalidExperiment", `the flag ${experiment.flag} has no variant ${excerpt(serve)}`)
            const draft = {
              ...{ environment, key: experiment.flag, expectedVersion: flag.version },
              definition: JSON.stringify(served(json, serve))
            }
            const besides = yield* (yield* flags.beside([draft])).check
            return { changes: [...besides, stop], conditional: true }
          })
      })
    }),

    get: Effect.fn("Experiments.get")(function* (environment, key) {
      return yield* found(yield* permit("config.read", environment, key), environment, key)
    }),

    list: Effect.fn("Experiments.list")(function* (environment, options) {
      yield* requirePermission("config.read", environment, { kind: "experiment" })
      const scope = scopeOf(yield* requirePermission("config.read", environment, { kind: "flag" }), "flag")
      return yield* store.list(environment, { ...options, scope })
    }),

    history: Effect.fn("Experiments.history")(function* (environment, key, options) {
      const identity = yield* permit("config.read", environment, key)
      const its = yield* store.history(environment, key, options)
      if (its.length === 0 || !ofEveryKey(identity)) yield* found(identity, environment, key)
      return its.filter(({ flag }) => touchesAll(identity, aboutsOfFlag(flag))) // its name may have been another's
    }),

    results: Effect.fn("Experiments.results")(function* (environment, key) {
      const experiment = yield* found(yield* permit("config.read", environment, key), environment, key)
      const results = experiment.state === "running" ? yield* resultsFor(experiment) : experiment.results
      return { experiment, results }
    })
  })
})
