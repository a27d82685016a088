/** Makes bodies of rollouts into what is wanted. */
import type { Again, Wanted } from "../../../rollouts/Wanted.ts"
import type { When } from "../../../schedules/When.ts"
import { draftOf, flagDraftOf } from "../configuration/Drafts.ts"
import type { RolloutBody } from "./Wire.ts"

export const wantedOf = (
  { environment, plan, changes = [], flags = [], file }: RolloutBody,
  when: When | undefined
): Wanted => {
  const again: Array<Again> = []
  const drafts: Array<Wanted["changes"][number]> = []
  const flagDrafts: Array<Wanted["flags"][number]> = []
  for (const change of changes)
    if ("version" in change) again.push({ kind: "configuration", ...change })
    else drafts.push(draftOf({ ...change, environment }))
  for (const { flag, ...change } of flags)
    if ("value" in change) flagDrafts.push(flagDraftOf({ flag, ...change, environment }))
    else again.push({ kind: "flag", key: flag, version: change.version })
  return { environment, changes: drafts, flags: flagDrafts, again, plan, when, file }
}
