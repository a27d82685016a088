import { type AddressInfo, createServer } from "node:net"
import { assert, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { reachable } from "../../../../layers/Kafka/connection/Connection.ts"

it("KC1 an IPv6 broker has a name that kafkajs does not cut, and is reached by its address; others stay as they are", async () => {
  const server = createServer((socket) => socket.end("here"))
  await new Promise<void>((resolve) => server.listen(0, "::1", resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { brokers, socketFactory } = reachable([`[::1]:${port}`, "[::2]:1", "kafka:9092", "10.0.0.1:9092"])

  assert.deepStrictEqual(brokers.slice(2), ["kafka:9092", "10.0.0.1:9092"])
  assert.strictEqual(new Set(brokers).size, 4)
  const [name, said] = (brokers[0] ?? "").split(":") // as kafkajs does
  assert.strictEqual(Number(said), port)
  const socket = socketFactory({ host: name ?? "", port, ssl: undefined as never, onConnect: () => {} })
  const heard = await new Promise((resolve, reject) => {
    socket.on("data", (bytes) => resolve(String(bytes)))
    socket.on("error", reject)
  })
  assert.strictEqual(heard, "here")
})
