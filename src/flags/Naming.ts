/**
 * Keeps what a flag is made of within what its author may see; a part of the writing half of Flags.
 *
 *   FU7  Who may touch some flags and segments makes none that stands on another: whoever reads a flag reads what it stands on, too. What a flag
 *        or a segment named before, it may go on naming. So with lists of ids (IL11).
 */
import { Clock, Context, Effect } from "effect"
import type { About } from "../access/Decision.ts"
import { CurrentIdentity } from "../access/Identity.ts"
import { ofEveryKey, scopeOf } from "../access/KeyScope.ts"
import { refusalOf } from "../access/Refusal.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { needsOf } from "./Dependents.ts"
import { type FlagDraft, kindOf } from "./FlagDraft.ts"
import { FlagView } from "./FlagView.ts"
import { IdListStore } from "./IdListStore.ts"
import { listProblem } from "./ListedIds.ts"
import { SegmentView } from "./SegmentView.ts"

interface Named {
  readonly uses: ReadonlyArray<string>
  readonly prerequisites: ReadonlyArray<{ readonly flag: string }>
  /** Digest of its list of ids. */
  readonly list?: string | undefined
}

/** Whether the list that is named was made here, of ids that came with the request. IL11 */
export const SentIds = Context.Reference<boolean>("herald/flags/SentIds", { defaultValue: () => false })

export const makeNaming = Effect.gen(function* () {
  const view = yield* FlagView
  const segments = yield* SegmentView
  const lists = yield* IdListStore

  /** Fails `Forbidden`, and `InvalidSegment` as where there is no such list. FU7, IL11 */
  return Effect.fnUntraced(function* (
    draft: FlagDraft,
    { uses, prerequisites, list }: Named
  ): Effect.fn.Return<void, HeraldError> {
    const identity = yield* CurrentIdentity
    if (identity === undefined) return
    const { environments } = identity
    const all = ofEveryKey(identity)
    if (list !== undefined && !(all && environments.includes("*")) && !(yield* SentIds)) {
      const mine = yield* lists.isNamed(list, { environments, scope: scopeOf(identity, "segment") })
      const wrong = mine ? undefined : listProblem(draft, undefined)
      if (wrong !== undefined) return yield* wrong
    }
    if (all) return
    const { environment, key } = draft
    const flag = kindOf(draft) === "flag" ? view.find(environment, key) : undefined
    const before = new Set((kindOf(draft) === "flag" ? flag : segments.find(environment, key))?.uses)
    const needed = needsOf(flag?.definition ?? "")
    const abouts: ReadonlyArray<About> = [
      ...prerequisites
        .filter(({ flag }) => !needed.has(flag))
        .map(({ flag }) => ({ kind: "flag", key: flag }) as const),
      ...uses.filter((name) => !before.has(name)).map((name) => ({ kind: "segment", key: name }) as const)
    ]
    const now = yield* Clock.currentTimeMillis
    for (const on of abouts) {
      const refused = refusalOf(identity, { permission: "config.read", environment, on }, now)
      if (refused !== undefined) return yield* refused
    }
  })
})
