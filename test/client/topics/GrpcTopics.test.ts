import { assert, describe, it } from "@effect/vitest"
import { Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js"
import {
  type PublishStreamRequest,
  PublishStreamResponse,
  TopicServiceService
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { Topics } from "../../../src/client/HeraldClient.ts"
import { NotAnswered } from "../../../src/client/NotAnswered.ts"
import type { Ended } from "../../../src/client/Transport.ts"
import { GrpcTopics } from "../../../src/client/topics/GrpcTopics.ts"
import { isFinal } from "../../../src/client/topics/Lasting.ts"
import { until } from "../../support/turn.ts"

type Publishing = ServerDuplexStream<PublishStreamRequest, PublishStreamResponse>

/** Publishes whatever comes; `calls` are the streams that came. */
const serve = async () => {
  const server = new Server()
  const calls: Array<Publishing> = []
  let offset = 0n
  server.addService(TopicServiceService, {
    publish: (_: unknown, reply: (error: object) => void) => {
      const metadata = new Metadata()
      metadata.set("herald-code", "HRLD-3003")
      reply({ code: status.PERMISSION_DENIED, details: "HRLD-3003: not yours", metadata })
    },
    openProducer: (_: unknown, reply: (error: null, value: object) => void) =>
      reply(null, { epoch: 1, sequences: [], partitions: 1 }),
    publishStream: (call: Publishing) => {
      calls.push(call)
      call.on("error", () => {})
      call.on("end", () => call.end())
      call.on("data", ({ id, publish }: PublishStreamRequest) => {
        const first = { partition: 0, epoch: 1, offset }
        const count = publish!.events.length
        offset += BigInt(count)
        const value = { placed: [{ first, count, duplicate: false }], partitions: 1 }
        call.write(
          PublishStreamResponse.fromPartial({ id, creditBytes: 1_000n, outcome: { $case: "published", value } })
        )
      })
    }
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error)
    )
  )
  return { calls, address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() }
}

describe("topics over gRPC", () => {
  it("QG1 QG2 publishes, comes back on a channel of its own, and leaves nothing behind", async () => {
    const { calls, address, stop } = await serve()
    const topics = new Topics({ address, token: "secret", reconnect: { baseMillis: 1, capMillis: 5 } })
    const producer = await topics.topic("t").producer({ id: "p" })
    const [placed] = await producer.send([{ payload: "a" }, { payload: "b" }])
    assert.deepInclude(placed, { offset: 0, count: 2 })
    assert.deepStrictEqual(calls[0]!.metadata.get("authorization"), ["Bearer secret"])
    calls[0]!.emit("error", { code: status.UNAVAILABLE, details: "gone" })
    await until(() => calls.length === 2)
    assert.deepInclude((await producer.send([{ payload: "c" }]))[0], { offset: 2 })
    assert.notStrictEqual(calls[0]!.getPeer(), calls[1]!.getPeer())
    const gone = new Promise<void>((resolve) => calls[1]!.once("close", resolve))
    await topics.close()
    await gone
    stop()
  })

  it("ZT1 each try goes to the next node, and a refusal has the server's code", async () => {
    const { address, stop } = await serve()
    const transport = new GrpcTopics({ address: [address, "127.0.0.1:1"] })
    const request = { topic: "t", events: [], partition: -1, producerId: "", producerEpoch: 0, sequence: 0n }
    const tried = await Promise.all([0, 1].map((attempt) => transport.publish(attempt, request).catch((e) => e)))
    for (const error of tried) assert.instanceOf(error, NotAnswered)
    assert.sameMembers(
      tried.map(({ ended }) => ended.code),
      ["HRLD-3003", undefined]
    )
    transport.close()
    stop()
  })

  it("QG3 what this side can't encode is said to be that, and is final, in a question as in a stream", async () => {
    const { address, stop } = await serve()
    const transport = new GrpcTopics({ address })
    const wrong = { topic: 7 } as never
    const error = await transport.publish(0, wrong).catch((e) => e)
    const ended = await new Promise<Ended>((resolve) => {
      transport.read(0, wrong, { message: () => {}, writable: () => {}, ended: resolve })
    })
    for (const it of [error.ended as Ended, ended]) {
      assert.isTrue(isFinal(it))
      assert.strictEqual(it.code, "HRLD-1001")
      assert.match(it.message, /can't be encoded/)
    }
    transport.close()
    stop()
  })
})
