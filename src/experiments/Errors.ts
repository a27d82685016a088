/** What is said of experiments. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  InvalidExperiment: {
    code: "HRLD-1060",
    title: "The experiment can't be run as it is described",
    cause: "A variant is not there, a share, a metric or a layer is none, or the flag can't be split so.",
    fix: "Correct what the message names; `herald experiment start --help` has examples.",
    grpc: 3,
    http: 422,
    exit: 2
  },
  FlagInExperiment: {
    code: "HRLD-2060",
    title: "The flag is in a running experiment",
    cause: "Changed in the middle of it, what is compared would be two things under one name.",
    fix: "Stop the experiment first (`herald experiment stop <name>`), or end it with the change: `--force`, and a `--message` that says why.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  ExperimentRunning: {
    code: "HRLD-2061",
    title: "An experiment of that name is running",
    cause: "A name has one experiment at a time.",
    fix: "Stop it first (`herald experiment stop <name>`), or give this one another name.",
    grpc: 6,
    http: 409,
    exit: 5
  },
  ExperimentOver: {
    code: "HRLD-2062",
    title: "The experiment is not running any more",
    cause: "It was stopped, or ended with a change of its flag.",
    fix: "See what became of it: `herald experiment show <name>`.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  LayerFull: {
    code: "HRLD-2063",
    title: "The layer has no room for that share",
    cause: "Experiments of one layer share its people, and each of them is in one at most.",
    fix: "Take a smaller share (`--traffic`), another layer, or stop an experiment that the message names.",
    grpc: 8,
    http: 409,
    exit: 5
  },
  ExperimentsFull: {
    code: "HRLD-2064",
    title: "The environment has too many experiments",
    cause: "An environment may run 200 experiments at once, and has names of 5,000.",
    fix: "Stop experiments that nobody needs, or start this one under the name of one that is over.",
    grpc: 8,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
