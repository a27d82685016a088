/**
 * The logs of this node, by kind of topic, and who listens to what it appends to them. It gives the logs again: what is appended to those is heard.
 *
 *   BX16 in Appends.ts
 */
import { Context, Effect, Layer, Option } from "effect"
import { EphemeralLog } from "../topics/EphemeralLog.ts"
import { KafkaLog } from "../topics/KafkaLog.ts"
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
      const given = Option.getOrUndefined(yield* Effect.serviceOption(KafkaLog))
      const kafka = given && { ...heardOf(given, heard), elsewhere: given.elsewhere }
      const byKind = { postgres: topics, ephemeral, kafka }
      const logs = HeardLogs.of({
        of: (kind) => byKind[kind],
        all: kafka === undefined ? [topics, ephemeral] : [topics, ephemeral, kafka],
        listen: (listener) => void listeners.push(listener)
      })
      const all = Context.make(HeardLogs, logs).pipe(
        Context.add(TopicLog, topics),
        Context.add(EphemeralLog, ephemeral)
      )
      // Who looks for it takes what is there: none is no fault.
      return kafka === undefined ? all : (Context.add(all, KafkaLog, kafka) as typeof all)
    })
  )
}
