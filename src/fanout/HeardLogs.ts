/**
 * The logs of this node, by kind of topic, and who listens to what it appends to them. It gives the logs again: what is appended to those is heard.
 *
 *   BX16 in Appends.ts
 */
import { Context, Effect, Layer } from "effect"
import { EphemeralLog } from "../topics/EphemeralLog.ts"
import type { LogKind } from "../topics/Topic.ts"
import { type Log, TopicLog } from "../topics/TopicLog.ts"
import { type Heard, heardOf } from "./Appends.ts"

export class HeardLogs extends Context.Service<
  HeardLogs,
  {
    /** Undefined: this node has none of that kind. */
    readonly of: (kind: LogKind) => Log | undefined
    /** Those that there are. */
    readonly all: ReadonlyArray<Log>
    /** Is called synchronously. */
    readonly listen: (heard: Heard) => void
  }
>()("herald/fanout/HeardLogs") {
  static readonly layer = Layer.effectContext(
    Effect.gen(function* () {
      const listeners: Array<Heard> = []
      const heard: Heard = (appended) => {
        for (const listener of listeners) listener(appended)
      }
      const topics = heardOf(yield* TopicLog, heard)
      const own = yield* EphemeralLog
      const ephemeral = { ...own, ...heardOf(own, heard) }
      const logs = HeardLogs.of({
        of: (kind) => (kind === "postgres" ? topics : kind === "ephemeral" ? ephemeral : undefined),
        all: [topics, ephemeral],
        listen: (listener) => void listeners.push(listener)
      })
      return Context.make(HeardLogs, logs).pipe(Context.add(TopicLog, topics), Context.add(EphemeralLog, ephemeral))
    })
  )
}
