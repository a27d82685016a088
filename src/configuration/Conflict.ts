/** Why a configuration can't be changed as it is now. A dry run and commits in memory ask here; herald_problem says the same in SQL. Pure. */
import { Conflict } from "../commits/Conflict.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Configuration } from "./Configuration.ts"
import type { ConfigurationWish } from "./Wish.ts"

/** A `Conflict` where another version is current than the expected one, `NotFound` where there is no key to delete. */
export const conflictOf = (
  { key, environment, value, expectedVersion }: ConfigurationWish,
  current: Pick<Configuration, "version" | "deleted"> | undefined
): HeraldError | undefined => {
  const version = current === undefined || (current.deleted && expectedVersion === 0) ? 0 : current.version
  if (expectedVersion !== undefined && expectedVersion !== version) {
    return new Conflict({
      name: "VersionConflict",
      message: `${key} in ${environment} is at version ${version}, not ${expectedVersion}`,
      details: { key, environment, expected: expectedVersion, current: version }
    })
  }
  return value === null && (current === undefined || current.deleted)
    ? failure("NotFound", `there is no key ${key} in ${environment} to delete`, { details: { key, environment } })
    : undefined
}
