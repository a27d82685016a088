/**
 * Tells a node's sessions, feeds and relay of revisions.
 *
 *   PE1  Nobody waits for a listener, and each has a bounded backlog: one that falls behind is told `Reset` in place of what waited, so
 *        nothing is lost to it.
 */
import { Effect, type Scope } from "effect"
import { BACKLOG_BYTES, type Backlog, makeBacklog } from "./Backlog.ts"
import type { Revision } from "./Revision.ts"

export type PropagationEvent =
  | { readonly _tag: "Committed"; readonly revision: Revision }
  /** The listener must compare all that it has with the view again, and ask again whether the view is stale. */
  | { readonly _tag: "Reset" }
  /** P3: the view became stale, or was confirmed again. */
  | { readonly _tag: "Freshness"; readonly stale: boolean }

const ENTRIES = 4_096
const RESET: PropagationEvent = { _tag: "Reset" }

export const makeEvents = (bytesOf: (revision: Revision) => number) => {
  const listeners = new Set<Backlog<PropagationEvent>>()
  const publish = (event: PropagationEvent): void => {
    for (const listener of listeners) listener.offer(event)
  }
  /** Listens from now on; each run of the inner effect gives the next event. */
  const listen: Effect.Effect<Effect.Effect<PropagationEvent>, never, Scope.Scope> = Effect.gen(function* () {
    const backlog = yield* makeBacklog<PropagationEvent>({
      entries: ENTRIES,
      bytes: BACKLOG_BYTES,
      sizeOf: (event) => (event._tag === "Committed" ? bytesOf(event.revision) : 0),
      overflow: RESET // PE1
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => listeners.add(backlog)),
      () => Effect.sync(() => listeners.delete(backlog))
    )
    return backlog.take
  })
  return { publish, listen }
}
