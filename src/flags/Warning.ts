/** What authors of flags and segments may want to know of those who evaluate by themselves; a part of the writing half of Flags. */
import { Effect } from "effect"
import { CurrentIdentity } from "../access/Identity.ts"
import { scopeOf } from "../access/KeyScope.ts"
import type { Problem } from "../evaluation/Definition.ts"
import { FlagView } from "./FlagView.ts"
import { within } from "./Named.ts"
import { SegmentView } from "./SegmentView.ts"

/** Names of flags that a sentence has; of more, how many there are. */
const NAMES = 5
/** `others`: flags that the author may not see. */
const many = (flags: ReadonlyArray<string>, others: number): string => {
  const more = Math.max(0, flags.length - NAMES) + others
  if (flags.length === 0) return `${more} flags`
  return `the flags ${flags.slice(0, NAMES).join(", ")}${more === 0 ? "" : ` and ${more} more`}`
}

export const makeWarning = Effect.gen(function* () {
  const view = yield* FlagView
  const segments = yield* SegmentView

  /** Of a list that is kept beside its segment, those who evaluate by themselves know nothing. */
  const unseen = (environment: string, uses: ReadonlyArray<string>): ReadonlyArray<Problem> =>
    [...new Set(uses.flatMap((name) => segments.below(environment, name)))]
      .filter((name) => segments.find(environment, name)?.list !== undefined)
      .map((name) => ({
        at: "/targeting",
        problem: `asks for the ids of the segment ${name}, which stay on the server: who evaluates by itself is served the caller's own default`
      }))

  /** Whose ids stay here from now on: who evaluates by itself loses the flags that ask for them. */
  const leaving = Effect.fnUntraced(function* (environment: string, key: string) {
    const none: ReadonlyArray<Problem> = []
    if (segments.find(environment, key)?.list !== undefined) return none
    const all = [...view.affected({ kind: "segment", environment, key })].sort()
    if (all.length === 0) return none
    const identity = yield* CurrentIdentity
    const flags = within(identity && scopeOf(identity, "flag"), all)
    const one = flags[0] === undefined ? "a flag" : `the flag ${flags[0]}`
    const named = all.length === 1 ? `${one}, which asks` : `${many(flags, all.length - flags.length)}, which ask`
    return [
      {
        at: "/ids",
        problem: `stay on the server from now on: who evaluates by itself is served the caller's own default by ${named} for them`
      }
    ] satisfies ReadonlyArray<Problem>
  })

  return { unseen, leaving }
})
