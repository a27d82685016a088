/** Every head that a store has, page by page; `between` runs before each page but the first. */
import { Effect } from "effect"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"

export const allHeads = Effect.fnUntraced(function* (
  limit: number,
  between: Effect.Effect<unknown, HeraldError> = Effect.void
) {
  const store = yield* ConfigurationStore
  const first = yield* store.heads(undefined, limit)
  const heads = [...first.heads]
  for (let { next } = first; next !== undefined; ) {
    yield* between
    const page = yield* store.heads(next, limit)
    heads.push(...page.heads)
    next = page.next
  }
  return { position: first.position, heads }
})
