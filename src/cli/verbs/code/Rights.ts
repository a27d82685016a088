/**
 * What of some patterns one may see: who has rights to some keys or kinds is shown these alone, and what is made of them has to say so.
 *
 *   JW1  A manifest names no pattern that its maker could not see whole: what was hidden from one is not deleted by another.
 */
import * as Effect from "effect/Effect"
import type { Kind } from "../../../access/Identity.ts"
import { scopeOf, withinScope } from "../../../access/KeyScope.ts"
import { keyIn, kindIn, nameOf } from "../../../keys/Name.ts"
import { outermost } from "../../../keys/Pattern.ts"
import { known } from "../../CliFailure.ts"
import type { Invocation } from "../../Globals.ts"

interface Rights {
  readonly keys?: ReadonlyArray<string>
  readonly kinds?: ReadonlyArray<Kind>
}

/** Of configurations, whose names begin with no kind. */
const CONFIG = "config"

/** The part of the patterns that these rights cover, none of which covers another. Pure. */
export const coveredOf = (rights: Rights, patterns: ReadonlyArray<string>): ReadonlyArray<string> =>
  ["", ...new Set(patterns.map(kindIn).filter((kind) => kind !== ""))].flatMap((kind) => {
    const its = outermost(patterns.filter((pattern) => kindIn(pattern) === kind).map(keyIn))
    const seen = withinScope(scopeOf(rights, (kind || CONFIG) as Kind), its)
    return outermost(seen).map((pattern) => (kind === "" ? pattern : nameOf(kind, pattern)))
  })

/** A server of before such rights gives them to nobody. */
const rightsOf = (here: Invocation) =>
  here.call({ method: "GET", path: "/v1/access/whoami" }).pipe(
    Effect.map(({ body }) => body as Rights),
    Effect.catch((failure) => (failure.exit === 4 ? Effect.succeed<Rights>({}) : Effect.fail(failure)))
  )

/** The part of the patterns that one may see; `all` where that is all. Fails `Forbidden` where it is nothing. JW1 */
export const visibleOf = Effect.fn("Rights.visibleOf")(function* (here: Invocation, patterns: ReadonlyArray<string>) {
  const seen = coveredOf(yield* rightsOf(here), patterns)
  if (seen.length === 0)
    return yield* known("Forbidden", `what you sign in with may see nothing of ${patterns.join(" ")}`)
  const whole = new Set(coveredOf({}, patterns))
  return { patterns: seen, all: seen.length === whole.size && seen.every((one) => whole.has(one)) }
})
