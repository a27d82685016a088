/** Servers leave one after the other, as in a rolling restart, while clients call: two steps of GOAWAY, and no call fails. */
import { createServer, type Socket, connect as tcp } from "node:net"
import { credentials, Metadata, makeGenericClientConstructor } from "@grpc/grpc-js"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LaneServer } from "../../layers/Grpc/lane/LaneServer.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { runCase } from "./OfficialClient.ts"
import { definition, testService } from "./service/TestService.ts"
import { goProgram } from "./Tools.ts"

/** One address, as a load balancer gives it: connections from now on go to the server that is named. */
class Balancer {
  target = 0
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((client) => {
    const server = tcp(this.target, "127.0.0.1")
    for (const [from, to] of [
      [client, server],
      [server, client]
    ] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.pipe(to)
      from.on("error", () => to.destroy())
      from.on("close", () => this.#sockets.delete(from))
    }
  })

  listen(): Promise<number> {
    return new Promise((resolve) =>
      this.#server.listen(0, "127.0.0.1", () => resolve((this.#server.address() as { port: number }).port))
    )
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

const open = async () => {
  const lane = new LaneServer({ handlers: testService() })
  return { lane, port: await lane.listen("127.0.0.1", 0) }
}

const RESTARTS = 5

/** While calls run, servers are replaced. Each leaves by itself, and the next is called before it is replaced as well. */
const roll = async (balancer: Balancer, isOver: () => boolean, onLeft: (left: number) => void): Promise<void> => {
  let now = await open()
  balancer.target = now.port
  try {
    for (let left = 1; left <= RESTARTS; left++) {
      await waitUntil("a server to be called", () => isOver() || now.lane.connections > 0)
      if (isOver()) break
      const next = await open()
      balancer.target = next.port
      let gone = false
      void now.lane.shutdown().then(() => (gone = true))
      await waitUntil("a server to have left by itself", () => gone)
      now.lane.destroy()
      now = next
      onLeft(left)
    }
    await waitUntil("the calls to end", isOver)
  } finally {
    now.lane.destroy()
  }
}

let balancer: Balancer
let port: number
beforeAll(async () => {
  await goProgram("client")
  balancer = new Balancer()
  port = await balancer.listen()
})
afterAll(() => balancer?.close())

describe("a rolling restart", () => {
  it("CC13 fails no call of grpc-go: 2,000 with bodies of 272 KB, eight at once", async () => {
    let [left, over] = [0, false]
    const rolled = roll(
      balancer,
      () => over,
      (so) => (left = so)
    )
    await waitUntil("the first server", () => balancer.target > 0)
    const more = ["-soak_iterations=2000", "-soak_num_threads=8"]
    const failed = runCase("rpc_soak", port, undefined, more)
    await failed.finally(() => (over = true))
    await rolled

    assert.isAbove(left, 0)
  })

  it("CC13 fails no call of grpc-js, which the SDK stands on: eight at once", async () => {
    const Client = makeGenericClientConstructor(definition as never, "TestService")
    // biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure()) as any
    const failures: Array<string> = []
    let [left, over] = [0, false]
    const call = () =>
      new Promise<void>((resolve) =>
        client.UnaryCall({ response_size: 50_000 }, new Metadata(), (error: Error | null) => {
          if (error !== null) failures.push(error.message)
          resolve()
        })
      )
    balancer.target = 0
    const rolled = roll(
      balancer,
      () => over,
      (so) => (left = so)
    )
    await waitUntil("the first server", () => balancer.target > 0)
    const calling = Array.from({ length: 8 }, async () => {
      while (left < RESTARTS && failures.length === 0) await call()
      await call()
    })
    await Promise.all(calling)
    over = true
    await rolled
    client.close()

    assert.deepStrictEqual([failures, left], [[], RESTARTS])
  })
})
