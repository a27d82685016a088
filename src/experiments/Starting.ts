/** Looks up and checks what a start needs; a part of Experiments. */
import { Effect } from "effect"
import type { Wish } from "../commits/Release.ts"
import { failure } from "../errors/HeraldError.ts"
import type { Members } from "../evaluation/Json.ts"
import { Flags } from "../flags/Flags.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { Digest } from "../values/Digest.ts"
import { allocate, freeIn } from "./Allocation.ts"
import { type Arm, BUCKETS, type Design, type Range, type StartWish } from "./Experiment.ts"
import { ExperimentStore } from "./ExperimentStore.ts"
import { formOf, sharesIn, split } from "./Split.ts"
import { armsProblem, metricOf, type Wanted } from "./Wanted.ts"

export const makeStarting = Effect.gen(function* () {
  const store = yield* ExperimentStore
  const flags = yield* Flags
  const digestOf = yield* Digest

  const flagOf = Effect.fnUntraced(function* (environment: string, key: string) {
    const flag = yield* flags.get(environment, key)
    return { flag, json: JSON.parse(flag.definition) as Members }
  })

  /** Buckets of a layer that nobody has by now. XE2 */
  const place = Effect.fnUntraced(function* ({ environment, layer, traffic }: Wanted) {
    const width = Math.round((traffic * BUCKETS) / 100)
    if (layer === "") return [[0, width]] as ReadonlyArray<Range>
    const others = (yield* store.running(environment)).filter((one) => one.layer === layer)
    const taken = others.flatMap(({ buckets }) => buckets)
    const buckets = allocate(taken, width)
    if (buckets !== undefined) return buckets
    return yield* failure(
      "LayerFull",
      `the layer ${layer} in ${environment} has ${(freeIn(taken) * 100) / BUCKETS} % left, not ${traffic} %: in it are ${others.map(({ key }) => key).join(", ")}`,
      { details: { environment, layer, free: (freeIn(taken) * 100) / BUCKETS } }
    )
  })

  const missing = ({ environment, flag }: Wanted, arms: ReadonlyArray<Arm>, json: Members) => {
    const { variants } = formOf(json)
    const one = arms.find(({ variant }) => !Object.hasOwn(variants, variant))
    if (one === undefined) return undefined
    const [near] = nearby(one.variant, Object.keys(variants))
    const instead =
      near === undefined ? `; it has ${Object.keys(variants).slice(0, 10).join(", ")}` : `; is ${near} meant?`
    return failure(
      "InvalidExperiment",
      `the flag ${flag} in ${environment} has no variant ${excerpt(one.variant)}${instead}`
    )
  }

  /** XG1 */
  const shared = Effect.fnUntraced(function* (wanted: Wanted, json: Members) {
    const said = sharesIn(json)
    const arms = wanted.arms ?? said?.arms
    if (arms === undefined)
      return yield* failure(
        "InvalidExperiment",
        `the rule of ${wanted.flag} does not say how many get which variant: say so, or let it be split (--split)`
      )
    const warnings: Array<string> = []
    if (said?.plain !== true)
      warnings.push(
        `not everyone is drawn in ${wanted.flag}: who gets a variant by name or by another rule counts with it; a split by Herald leaves them out`
      )
    if (json["purpose"] !== "experiment")
      warnings.push(
        `the purpose of ${wanted.flag} is not "experiment": Herald's own provider reports exposures of others only where it is asked for all`
      )
    return { arms, warnings }
  })

  const checkedStart = Effect.fnUntraced(function* (
    wanted: Wanted,
    salt: string,
    warned: (all: ReadonlyArray<string>) => void
  ) {
    const { environment, key, flag, layer, where } = wanted
    const { flag: current, json } = yield* flagOf(environment, flag)
    const { arms, warnings } = wanted.split ? { arms: wanted.arms!, warnings: [] } : yield* shared(wanted, json)
    const problem = armsProblem(arms) ?? missing(wanted, arms, json)
    if (problem !== undefined) return yield* problem
    const buckets = yield* place(wanted)
    const design: Design = { flag, arms, metrics: wanted.metrics.map(metricOf), alpha: wanted.alpha, layer, buckets }
    const definition = JSON.stringify(design)
    const start: StartWish = {
      ...{ kind: "experiment", environment, key, state: "running", flag, layer, buckets, definition },
      ...{ flagVersion: wanted.split ? null : current.version, digest: digestOf(definition) }
    }
    warned(warnings)
    if (!wanted.split) return [start] as ReadonlyArray<Wish>
    const draft = {
      ...{ environment, key: flag, expectedVersion: current.version },
      definition: JSON.stringify(split(json, { arms, salt, layer, buckets, where }))
    }
    return [...(yield* (yield* flags.beside([draft])).check), start]
  })

  return { checkedStart, flagOf }
})
