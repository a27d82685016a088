/**
 * Puts the clients into the publisher's trace.
 *
 *   TE5  A node adds one span a revision, of the first client that applied it, to a publisher's trace that is sampled; never a span a
 *        delivery.
 */
import { Context, Effect, Exit, Option } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import type { Session } from "./Session.ts"
import type { ValueUpdate } from "./Update.ts"

export const makeAppliedSpan = Effect.fnUntraced(function* (node: string) {
  const tracer = yield* Effect.tracer
  let [epoch, newest] = ["", 0n]

  /** `now`: milliseconds since 1970, this node's clock. The span begins at the commit, by the database's clock. TE5 */
  return (session: Session, update: ValueUpdate, now: number): void => {
    const { traceparent, revision, committedAt } = update
    if (traceparent === "" || (update.epoch === epoch && revision <= newest)) return
    ;[epoch, newest] = [update.epoch, revision]
    const parent = HttpTraceContext.fromHeaders(Headers.fromInput({ traceparent }))
    if (Option.isNone(parent) || !parent.value.sampled) return
    const { environment, service, instance } = session.subscription.client
    const span = tracer.span({
      name: "Sessions.applied",
      parent,
      annotations: Context.empty(),
      links: [],
      startTime: BigInt(Math.min(committedAt, now)) * 1_000_000n,
      kind: "internal",
      root: false,
      sampled: true
    })
    const attributes = {
      "herald.node": node,
      "herald.environment": environment,
      "herald.key": update.key,
      "herald.revision": String(revision),
      "herald.client": `${service}/${instance}`
    }
    for (const [name, value] of Object.entries(attributes)) span.attribute(name, value)
    span.end(BigInt(now) * 1_000_000n, Exit.void)
  }
})
