/**
 * What an environment says of all its flags: how people are put into buckets. A kind of change, so versioned, audited and in the one log. Pure.
 *
 *   WB1  An environment that says nothing has `defaults`, and what it says is refused where this version does not know it.
 */
import { Result } from "effect"
import { type Problem, pointed } from "../evaluation/Definition.ts"
import { BUCKETINGS, type Bucketing } from "../evaluation/Fractional.ts"
import { readMembers, sayInto } from "../evaluation/ReadDefinition.ts"
import type { Kind } from "../propagation/Kind.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { type Stored, type StoredWish, storedKind } from "./Stored.ts"

/** The only key of its kind in an environment. */
export const SETTINGS_KEY = "flags"

export type FlagSettings = Stored<"flag_settings">
export type FlagSettingsWish = StoredWish<FlagSettings>
export const flagSettingsKind: Kind<FlagSettings> = storedKind("flag_settings")

export interface SaidOfFlags {
  readonly bucketing: Bucketing
}

/** WB1 */
export const defaults: SaidOfFlags = { bucketing: "v2" }

const MEMBERS = ["bucketing", "$comment"]

export const readFlagSettings = (text: string): Result.Result<SaidOfFlags, ReadonlyArray<Problem>> =>
  Result.flatMap(readMembers(text), (json) => {
    const problems: Array<Problem> = []
    const say = sayInto(problems)
    for (const name of Object.keys(json)) {
      if (MEMBERS.includes(name)) continue
      const [near] = nearby(name, MEMBERS)
      say(pointed("", name), `is not known${near === undefined ? "" : `; is ${near} meant?`}`)
    }
    const { bucketing = defaults.bucketing } = json
    if (!BUCKETINGS.includes(bucketing as never))
      say("/bucketing", `is ${excerpt(String(bucketing))} and has to be one of ${BUCKETINGS.join(", ")}`)
    return problems.length > 0 ? Result.fail(problems) : Result.succeed({ bucketing: bucketing as Bucketing })
  })
