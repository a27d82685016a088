/**
 * Herald's readers: the gRPC door, the fan-out and the log of ephemeral topics, with a port that takes batches as they are stored: how many bytes,
 * how many events, themselves. `node FanServer.ts`, also on Deno; prints its ports, and ends when its input does.
 */

import { type AddressInfo, createServer } from "node:net"
import process from "node:process"
import { Effect, Layer, ManagedRuntime } from "effect"
import { GrpcServer } from "../../layers/Grpc/GrpcServer.ts"
import * as Ephemeral from "../../layers/Memory/topics/EphemeralLog.ts"
import { Access } from "../../src/access/Access.ts"
import { system } from "../../src/access/Identity.ts"
import { reading } from "../../src/edge/grpc/topics/Reading.ts"
import { Fanout } from "../../src/fanout/Fanout.ts"
import { HeardLogs } from "../../src/fanout/HeardLogs.ts"
import { Activity } from "../../src/topics/Activity.ts"
import { EphemeralLog } from "../../src/topics/EphemeralLog.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { TestLog } from "../../test/support/TestLog.ts"

const MIB = 1_048_576
const topics = new TestLog()
const { id: topic } = topics.create("t", 1, "ephemeral")
const access = Layer.mock(Access, {
  atOnce: Effect.succeed({
    recognise: () => system,
    charge: () => true,
    counting: () => undefined,
    told: () => ({ ratelimit: "", "ratelimit-policy": "" })
  }),
  authenticate: () => Effect.succeed(system),
  stillValid: () => Effect.succeed(true),
  spend: () => Effect.void
})
const logs = HeardLogs.layer.pipe(
  Layer.provide(Ephemeral.layer({ partitionBytes: 64 * MIB, allBytes: 256 * MIB })),
  Layer.provideMerge(topics.layer)
)
const runtime = ManagedRuntime.make(
  GrpcServer.layer({ host: "127.0.0.1", port: 0, maxStreams: 5_000 }, [reading]).pipe(
    Layer.provide(Fanout.layer({ readers: 10_000, ringBytes: 8 * MIB, ringsBytes: 256 * MIB })),
    Layer.provide(KnownTopics.layer),
    Layer.provideMerge(logs),
    Layer.provide([access, Activity.layer])
  )
)
const { port } = await runtime.runPromise(GrpcServer)
const log = await runtime.runPromise(EphemeralLog)

/** Bytes before a batch. */
const HEAD = 8
const server = createServer({ noDelay: true }, (socket) => {
  let rest = Buffer.alloc(0)
  socket.on("error", () => {})
  socket.on("data", (chunk: Buffer) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (bytes.length >= HEAD) {
      const end = HEAD + bytes.readUInt32BE(0)
      if (bytes.length < end) break
      const events = { count: bytes.readUInt32BE(4), bytes: bytes.subarray(HEAD, end), hashes: undefined }
      Effect.runSync(log.append({ topic, partition: 0, events, compression: "zstd", producing: undefined }))
      bytes = bytes.subarray(end)
    }
    rest = Buffer.from(bytes)
  })
})
server.listen(0, "127.0.0.1", () =>
  console.log(JSON.stringify({ read: port, publish: (server.address() as AddressInfo).port }))
)
process.stdin.resume()
process.stdin.on("end", () => process.exit())
