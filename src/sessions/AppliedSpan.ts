/**
 * Adds to the publisher's trace how long it took until a client had applied the change.
 *
 *   TE5  To a publisher's sampled trace a node adds one span a revision, that of the first client that applied it; never one a delivery.
 */
import { Effect } from "effect"
import { makeMark } from "../telemetry/Traces.ts"
import type { Mark } from "../updates/Update.ts"
import type { Session } from "./Session.ts"

export const makeAppliedSpan = Effect.fnUntraced(function* (node: string) {
  const mark = yield* makeMark
  let [epoch, newest] = ["", 0n]

  /** `now`: milliseconds since 1970 by this node's clock. The span begins at the commit, by the database's clock. TE5 */
  return (session: Session, update: Mark, now: number): void => {
    const { traceparent, revision, committedAt } = update
    if (traceparent === "" || (update.epoch === epoch && revision <= newest)) return
    ;[epoch, newest] = [update.epoch, revision]
    const { environment, service, instance } = session.subscription.client
    mark({
      name: "Sessions.applied",
      kind: "internal",
      traceparents: [traceparent],
      from: committedAt,
      to: now,
      attributes: {
        "herald.node": node,
        "herald.environment": environment,
        "herald.key": update.key,
        "herald.revision": String(revision),
        "herald.client": `${service}/${instance}`
      }
    })
  }
})
