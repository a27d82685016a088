/** What a change asks of whoever has it done, beside to write its keys: as the door asks where it is done at once. Pure. */
import type { About } from "../access/Decision.ts"
import type { Permission } from "../access/Identity.ts"
import type { Wish } from "../commits/Release.ts"
import { compile, isClientName } from "../configuration/Template.ts"
import type { ConfigurationWish } from "../configuration/Wish.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import type { Body } from "./Body.ts"

/** `on` undefined: every key of every kind. */
export interface Need {
  readonly permission: Permission
  readonly on: About | undefined
}

/** AO2 */
const namesVariables = (wish: Wish): boolean => {
  if (wish.kind !== "configuration") return false
  const { template, value, valueType } = wish as ConfigurationWish
  return template && value !== null && !compile(value, valueType).names.every(isClientName)
}

export const needs = ({ action, changes }: Pick<Body, "action" | "changes">): ReadonlyArray<Need> => {
  const found: Array<Need> = []
  if (changes.some(({ kind }) => kind === "protection")) found.push({ permission: "keys.manage", on: undefined })
  // A rollback brings back a template that was there.
  if (action !== "rollback" && changes.some(namesVariables))
    found.push({ permission: "config.read", on: { kind: "config", key: VARIABLES_KEY } })
  return found
}
