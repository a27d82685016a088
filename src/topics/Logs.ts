/** Knows which log holds a topic. */
import { Context, Effect, Layer } from "effect"
import { EphemeralLog } from "./EphemeralLog.ts"
import type { LogKind } from "./Topic.ts"
import { type Log, TopicLog } from "./TopicLog.ts"

export class Logs extends Context.Service<
  Logs,
  {
    /** Undefined: this Herald has no log of that kind. */
    readonly of: (kind: LogKind) => Log | undefined
    readonly all: ReadonlyArray<readonly [kind: LogKind, log: Log]>
  }
>()("herald/topics/Logs") {
  static readonly layer = Layer.effect(
    Logs,
    Effect.gen(function* () {
      const all = [
        ["postgres", yield* TopicLog],
        ["ephemeral", yield* EphemeralLog]
      ] as const
      return Logs.of({ all, of: (kind) => all.find(([its]) => its === kind)?.[1] })
    })
  )
}
