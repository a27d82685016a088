/** How sessions name a target: US1 in Name.ts. Pure. */
import { nameOf } from "../keys/Name.ts"
import type { Target } from "./Rollout.ts"

export const targetName = ({ kind, key }: Pick<Target, "kind" | "key">): string =>
  kind === "configuration" ? key : nameOf(kind, key)
