/**
 * Walks the heads that a caller may see, and no others.
 *
 *   AO1  What one may not see costs nothing and tells nothing: no page, no count and no cursor shows that it is there.
 */
import { Effect } from "effect"
import { type KeyScope, stretchesOf } from "../access/KeyScope.ts"
import type { Head } from "./Configuration.ts"
import type { ConfigurationView } from "./ConfigurationView.ts"
import type { Trait } from "./Heads.ts"

/** Heads of one step. */
const STEP = 1_000

export interface Walk {
  readonly environment: string
  readonly scope: KeyScope
  readonly prefix: string
  /** Keys after this one. */
  readonly after: string
  /** Heads. */
  readonly limit: number
  readonly only?: Trait | undefined
}

/** In the order of their keys, without those that are deleted. AO1 */
export const visible = Effect.fnUntraced(function* (
  view: Pick<ConfigurationView["Service"], "page">,
  { environment, scope, prefix, after, limit, only }: Walk
) {
  const found: Array<Head> = []
  for (const { start, exact } of stretchesOf(scope, prefix)) {
    for (let last = after; ; ) {
      const step = exact ? 1 : STEP
      const page =
        exact && last >= start ? [] : view.page(environment, { prefix: start, after: last, limit: step, only })
      for (const head of page) {
        if (!head.deleted && (!exact || head.key === start)) found.push(head)
        if (found.length === limit) return found
      }
      if (exact || page.length < step) break
      last = page.at(-1)!.key
      yield* Effect.yieldNow // there may be many tombstones
    }
  }
  return found
})

/** How many keys there are, and how many of them one may see. AO1 */
export const countVisible = Effect.fnUntraced(function* (
  view: Pick<ConfigurationView["Service"], "page">,
  environment: string,
  scope: KeyScope
) {
  let count = 0
  for (let after = ""; ; ) {
    const page = yield* visible(view, { environment, scope, prefix: "", after, limit: STEP })
    count += page.length
    if (page.length < STEP) return count
    after = page.at(-1)!.key
    yield* Effect.yieldNow // a whole page came without one
  }
})
