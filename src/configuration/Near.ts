/**
 * Finds what somebody may have meant who asked for a key that is not there.
 *
 *   NK1  Nothing is named that the caller may not read: keys that its grant covers, of an environment that was allowed to it, and environments where it may.
 *   NK2  However many keys there are, three pages of them are looked at: those of the same group, those that begin alike, the first of all.
 */
import { Effect } from "effect"
import { CurrentIdentity, maySome } from "../access/Identity.ts"
import { inKeyScope, scopeOf } from "../access/KeyScope.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { nearby } from "../text/Nearest.ts"
import type { ConfigurationView } from "./ConfigurationView.ts"

/** Keys of one page. NK2 */
const PAGE = 250

export interface Near {
  readonly keys: ReadonlyArray<string>
  /** Only where the environment has no key at all. */
  readonly environments: ReadonlyArray<string>
}

const groupOf = (key: string): string => key.slice(0, key.lastIndexOf(".") + 1)

const isEmpty = (view: ConfigurationView["Service"], environment: string): boolean =>
  view.page(environment, { limit: 1 }).length === 0

const nearIn = (view: ConfigurationView["Service"], environment: string, key: string): Effect.Effect<Near> =>
  Effect.map(CurrentIdentity, (identity) => {
    const scope = identity && scopeOf(identity, "config")
    if (isEmpty(view, environment)) {
      const allowed = view
        .environments()
        .map((one) => one.environment)
        .filter((one) => identity !== undefined && maySome(identity, "config.read", one))
      return { keys: [], environments: nearby(environment, allowed) }
    }
    const prefixes = new Set([groupOf(key), key.slice(0, 2), ""])
    const keys = new Set<string>()
    for (const prefix of prefixes)
      for (const head of view.page(environment, { prefix, limit: PAGE }))
        if (!head.deleted && inKeyScope(scope, head.key)) keys.add(head.key)
    return { keys: nearby(key, keys), environments: [] }
  })

/** The failure of who asks for a key that never was. */
export const unknownKey = (
  view: ConfigurationView["Service"],
  environment: string,
  key: string
): Effect.Effect<never, HeraldError> =>
  Effect.flatMap(nearIn(view, environment, key), ({ keys, environments }) => {
    const meant = [...keys, ...environments]
    const instead = meant.length === 0 ? "" : `; did you mean ${meant.join(" or ")}?`
    return Effect.fail(
      failure("NotFound", `there is no key ${key} in ${environment}${instead}`, {
        details: { key, environment, near: { keys, environments } }
      })
    )
  })
