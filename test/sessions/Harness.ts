/** Sessions of one client each, and what they come to, in words. */
import { Effect } from "effect"
import { Bookkeeping } from "../../src/fleet/Bookkeeping.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import type { Update } from "../../src/updates/Update.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { subscription } from "../support/Subscription.ts"

export const word = (update: Update): string => {
  switch (update.kind) {
    case "value":
      return `${update.key} ${update.content}${update.stale ? " stale" : ""}`
    case "deleted":
      return `${update.key} deleted`
    case "problem":
      return `${update.key} problem`
    case "drain":
      return "drain"
    default:
      return `${update.kind}${update.stale ? " stale" : ""}`
  }
}
export const words = (sink: FakeSink) => sink.got.map(word)

type Options = Parameters<typeof subscription>[0]
/** What a client gets that connects like this. */
export const connect = Effect.fnUntraced(function* (options: Options = {}) {
  const sessions = yield* Sessions
  const sink = new FakeSink()
  const session = yield* sessions.open(subscription(options), sink)
  yield* settle
  return { sink, session }
})
/** What the fleet knows of each key: what, and which version. */
export const known = (instance = "i1") =>
  Effect.gen(function* () {
    const store = yield* InstanceStore
    yield* (yield* Bookkeeping).flush
    const [row] = yield* store.list({ instance, limit: 1, keys: 100 })
    return (row?.keys ?? []).map(({ key, sent, applied, rejected, problem }) =>
      [
        key,
        sent && `sent ${sent.version}`,
        applied && `applied ${applied.version}`,
        rejected && `rejected ${rejected.version}`,
        problem && "problem"
      ]
        .filter((part) => part !== undefined)
        .join(" ")
    )
  })
export const here = Effect.map(Propagation, (propagation) => propagation.position())
