/** What releases are judged by, one on the other: the plans that environments ask for, experiments, and a second person. */
import { Layer } from "effect"
import * as Judging from "../approvals/Judging.ts"
import * as Ending from "../experiments/Ending.ts"
import * as Policies from "../rollouts/Policies.ts"

export const judges = (usage: Parameters<typeof Ending.rules>[0]) =>
  Judging.rules.pipe(
    Layer.provide(Ending.rules(usage)),
    Layer.provide(Policies.rules),
    Layer.provideMerge(Policies.Policies.layer)
  )
