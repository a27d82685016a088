/** What keeps a flag from being changed, such as an experiment that runs on it, and how it is said. Pure. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"

export interface Holder {
  /** A kind of change. */
  readonly kind: "experiment"
  readonly key: string
}

/** A `FlagInExperiment`. */
export const heldProblem = ({ key: by }: Holder, environment: string, flag: string): HeraldError =>
  failure("FlagInExperiment", `the flag ${flag} in ${environment} is in the running experiment ${by}`, {
    details: { key: flag, environment, experiment: by }
  })
