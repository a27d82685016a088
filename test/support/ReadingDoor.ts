/** Readers of topics behind the gRPC door on a real socket, over a log in memory. */

import { Effect, Layer, ManagedRuntime } from "effect"
import { type GrpcOptions, GrpcServer } from "../../layers/Grpc/GrpcServer.ts"
import { Access } from "../../src/access/Access.ts"
import { system } from "../../src/access/Identity.ts"
import { reading } from "../../src/edge/grpc/topics/Reading.ts"
import { Fanout, type FanoutOptions } from "../../src/fanout/Fanout.ts"
import { HeardLogs } from "../../src/fanout/HeardLogs.ts"
import { Activity } from "../../src/topics/Activity.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import type { Frame } from "../../src/topics/Message.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TestLog } from "./TestLog.ts"

/** Everybody may do everything, as often as `spend` says. */
const accessOf = (spend: Access["Service"]["spend"]) =>
  Layer.mock(Access, {
    atOnce: Effect.succeed({
      recognise: () => system,
      charge: () => true,
      counting: () => undefined,
      told: () => ({ ratelimit: "", "ratelimit-policy": "" })
    }),
    authenticate: () => Effect.succeed(system),
    stillValid: () => Effect.succeed(true),
    spend
  })

export class ReadingDoor implements AsyncDisposable {
  readonly topics: TestLog
  readonly #runtime
  port = 0

  private constructor(
    topics: TestLog,
    fanout: Partial<FanoutOptions>,
    door: Partial<GrpcOptions>,
    spend: Access["Service"]["spend"]
  ) {
    this.topics = topics
    const server = process.env["HERALD_TEST_GRPC"] as GrpcOptions["server"]
    const services = Fanout.layer({ readers: 10_000, ringBytes: 8_388_608, ringsBytes: 268_435_456, ...fanout }).pipe(
      Layer.provideMerge(HeardLogs.layer),
      Layer.provide([KnownTopics.layer, Activity.layer]),
      Layer.provide(topics.layer),
      Layer.provideMerge(accessOf(spend))
    )
    this.#runtime = ManagedRuntime.make(
      GrpcServer.layer({ host: "127.0.0.1", port: 0, maxStreams: 5_000, server, ...door }, [reading]).pipe(
        Layer.provideMerge(services)
      )
    )
  }

  static async open(
    fanout: Partial<FanoutOptions> = {},
    door: Partial<GrpcOptions> = {},
    topics = new TestLog(),
    spend: Access["Service"]["spend"] = () => Effect.void
  ): Promise<ReadingDoor> {
    const opened = new ReadingDoor(topics, fanout, door, spend)
    opened.port = (await opened.#runtime.runPromise(GrpcServer)).port
    return opened
  }

  async append(topic: number, partition: number, events: Frame): Promise<void> {
    await this.#runtime.runPromise(
      Effect.flatMap(TopicLog, (log) =>
        log.append({ topic, partition, events, compression: "zstd", producing: undefined })
      )
    )
    await new Promise((resolve) => setImmediate(resolve)) // others have their turn
  }

  async readers(): Promise<number> {
    return await this.#runtime.runPromise(Effect.map(Fanout, ({ size }) => size()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runtime.dispose()
  }
}
