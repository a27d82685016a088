/** What a `State` has of experiments: the counterpart of the tables of migration 0035. */
import type { Release } from "../../../src/commits/Release.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Experiment, ExperimentWish } from "../../../src/experiments/Experiment.ts"
import { bucketsProblem } from "../../../src/experiments/Limits.ts"
import { heldProblem } from "../../../src/flags/Hold.ts"

export class ExperimentTables {
  /** By "<environment>/<name>", each ascending. */
  readonly versions = new Map<string, ReadonlyArray<Experiment>>()

  of({ environment, key }: Pick<Experiment, "environment" | "key">): ReadonlyArray<Experiment> {
    return this.versions.get(`${environment}/${key}`) ?? []
  }

  /** The newest of each name. */
  newest(environment?: string): ReadonlyArray<Experiment> {
    return [...this.versions.values()]
      .map((versions) => versions.at(-1)!)
      .filter((one) => environment === undefined || one.environment === environment)
  }

  running(environment?: string): ReadonlyArray<Experiment> {
    return this.newest(environment).filter(({ state }) => state === "running")
  }

  /** As herald_flag_held. XE1 */
  held(environment: string, flag: string, release: Pick<Release, "changes">): HeraldError | undefined {
    const its = this.running(environment).find((one) => one.flag === flag)
    return its === undefined || stopsOf(release, environment).has(its.key)
      ? undefined
      : heldProblem({ kind: "experiment", key: its.key }, environment, flag)
  }

  /** Of what is said of all flags. XE1 */
  heldAll(environment: string): HeraldError | undefined {
    const [first] = this.running(environment)
      .map(({ key }) => key)
      .sort()
    return first === undefined ? undefined : bucketsProblem(environment, first)
  }
}

/** As herald_experiment_stops. */
export const stopsOf = ({ changes }: Pick<Release, "changes">, environment: string): ReadonlySet<string> =>
  new Set(
    (changes as ReadonlyArray<ExperimentWish>)
      .filter((wish) => wish.kind === "experiment" && wish.state === "stopped" && wish.environment === environment)
      .map(({ key }) => key)
  )
