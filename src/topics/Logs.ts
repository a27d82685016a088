/** Knows which log holds a topic. */
import { Context, Effect, Layer, Option } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { EphemeralLog } from "./EphemeralLog.ts"
import { KafkaLog } from "./KafkaLog.ts"
import type { LogKind } from "./Topic.ts"
import { type Log, TopicLog } from "./TopicLog.ts"

/** Why a topic can't be used here. */
export const noLog = (kind: LogKind): HeraldError =>
  kind === "kafka"
    ? failure("NoKafka", "the topic's log is in Kafka, and this Herald has none")
    : failure("InvalidInput", `log: this Herald has no log in ${kind}`)

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
      const kafka = yield* Effect.serviceOption(KafkaLog)
      const all: ReadonlyArray<readonly [LogKind, Log]> = [
        ["postgres", yield* TopicLog],
        ["ephemeral", yield* EphemeralLog],
        ...(Option.isSome(kafka) ? [["kafka", kafka.value] as const] : [])
      ]
      return Logs.of({ all, of: (kind) => all.find(([its]) => its === kind)?.[1] })
    })
  )
}
