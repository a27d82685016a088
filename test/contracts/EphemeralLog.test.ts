/** The log of ephemeral topics keeps the contract of logs. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as EphemeralMemory from "../../layers/Memory/topics/EphemeralLog.ts"
import { EphemeralLog } from "../../src/topics/EphemeralLog.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { topicLogsContract } from "./TopicLogs.ts"

const ephemeral = EphemeralMemory.layer({ partitionBytes: 1_048_576, allBytes: 16_777_216 })
const logs = Layer.merge(Memory.layer, Layer.effect(TopicLog, EphemeralLog).pipe(Layer.provide(ephemeral)))

describe("ephemeral topics", () => {
  topicLogsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(logs))), {
    begins: true
  })
})
