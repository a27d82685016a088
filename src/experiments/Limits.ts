/**
 * Why an experiment can't be started or stopped, and why a flag can't be changed meanwhile. Commits in memory ask here;
 * herald_experiment_problem and herald_flag_held say the same in SQL. Pure.
 */
import { Conflict, Overtaken } from "../commits/Conflict.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { SETTINGS_KEY } from "../flags/FlagSettings.ts"
import { heldProblem } from "../flags/Hold.ts"
import { overlap } from "./Allocation.ts"
import { EXPERIMENTS, type Experiment, RUNNING, type StartWish, type StopWish } from "./Experiment.ts"

/** What a commit sees of an environment. */
export interface Around {
  /** The newest of each name. */
  readonly experiments: ReadonlyArray<Experiment>
  /** The current version of the flag; 0: there is none. */
  readonly flagVersion: number
  /** What a rollout of the flag has against it. */
  readonly rollout: HeraldError | undefined
  /** Names of experiments that the release stops. */
  readonly stops: ReadonlySet<string>
}

/** XE1, XE2, XE4 */
export const startProblem = (
  { environment, key, flag, flagVersion, layer, buckets }: StartWish,
  { experiments, flagVersion: current, rollout, stops }: Around
): HeraldError | undefined => {
  const details = { key, environment }
  const ofFlag = { key: flag, environment }
  const running = experiments.filter((one) => one.state === "running" && !stops.has(one.key))
  if (running.some((one) => one.key === key))
    return failure("ExperimentRunning", `the experiment ${key} in ${environment} is running`, { details })
  const other = running.find((one) => one.flag === flag)
  if (other !== undefined) return heldProblem({ kind: "experiment", key: other.key }, environment, flag)
  if (flagVersion !== null && current === 0)
    return failure("NotFound", `there is no flag ${flag} in ${environment}`, { details: ofFlag })
  if (flagVersion !== null && flagVersion !== current)
    return new Conflict({
      name: "VersionConflict",
      message: `the flag ${flag} in ${environment} is at version ${current}, not ${flagVersion}`,
      details: { ...ofFlag, expected: flagVersion, current }
    })
  if (rollout !== undefined) return rollout
  const taken = running.find((one) => layer !== "" && one.layer === layer && overlap(one.buckets, buckets))
  if (taken !== undefined)
    return new Overtaken({
      name: "VersionConflict",
      message: `the experiment ${taken.key} in ${environment} took a part of the layer ${layer} meanwhile`,
      details: { ...details, changed: "layer" }
    })
  if (running.length >= RUNNING)
    return failure("ExperimentsFull", `${environment} runs ${RUNNING} experiments already`, { details })
  if (!experiments.some((one) => one.key === key) && experiments.length >= EXPERIMENTS)
    return failure("ExperimentsFull", `${environment} has experiments of ${EXPERIMENTS} names already`, { details })
  return undefined
}

export const stopProblem = (
  { environment, key }: Pick<StopWish, "environment" | "key">,
  held: Experiment | undefined
): HeraldError | undefined => {
  const details = { key, environment }
  if (held === undefined) return failure("NotFound", `there is no experiment ${key} in ${environment}`, { details })
  return held.state === "running"
    ? undefined
    : failure("ExperimentOver", `the experiment ${key} in ${environment} is over`, { details })
}

/** Of how people are put into buckets, which all experiments hang on. XE1 */
export const bucketsProblem = (environment: string, experiment: string): HeraldError =>
  failure(
    "FlagInExperiment",
    `how people are put into buckets in ${environment} can't change while the experiment ${experiment} runs`,
    { details: { key: SETTINGS_KEY, environment, experiment } }
  )
