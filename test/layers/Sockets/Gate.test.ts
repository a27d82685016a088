import { connect as connectTcp, type Socket } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { addressOf, exempting } from "../../../layers/Sockets/Gate.ts"
import { Door, frame, raw } from "../../support/Door.ts"
import { counted, SERVICE } from "../../support/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Door | undefined
const open = async (limits: Parameters<typeof Door.open>[0] = {}) => (door = await Door.open(limits))
afterEach(() => door?.close())

describe("connections", () => {
  const tcp = async (address: string) => {
    const [host, port] = address.split(":")
    const socket = connectTcp(Number(port), host!)
    const seen = { closed: false }
    socket.on("error", () => {})
    socket.on("close", () => {
      seen.closed = true
    })
    socket.resume()
    await new Promise((resolve) => socket.once("connect", resolve))
    return { socket, seen }
  }
  const many = async (address: string, n: number) => {
    const all: Array<{ socket: Socket; seen: { closed: boolean } }> = []
    for (let i = 0; i < n; i++) all.push(await tcp(address))
    return all
  }

  it("GA1 over the limit in all, and of an address, are closed at once; those that are open stay, and a place that is left is free", async () => {
    for (const limits of [{ maxConnections: 3 }, { maxConnections: 100, perAddress: 3 }]) {
      const refused = counted("grpc", "perAddress" in limits ? "connections_of_address" : "connections")
      const { address } = await open(limits)
      const all = await many(address, 6)
      await waitUntil("three to be closed", () => all.filter(({ seen }) => seen.closed).length === 3)
      const kept = all.filter(({ seen }) => !seen.closed)
      for (const { socket } of kept) socket.destroy()
      const code = await waitUntil("a client to be let in", async () => {
        const { grpc } = await raw(door!, `${SERVICE}/Heartbeat`, frame(Buffer.alloc(0)))
        return grpc
      })

      assert.deepStrictEqual(
        all.map(({ seen }) => seen.closed),
        [true, true, true, true, true, true]
      )
      assert.strictEqual(code, "3")
      assert.isAtLeast(await refused(), 3)
      await door!.close()
    }
  })

  it("GA2 an address that is exempt counts in all alone", async () => {
    const { address } = await open({ maxConnections: 5, perAddress: 1, exempt: ["127.0.0.0/8", "::1"] })
    const refused = counted("grpc", "connections_of_address")
    const all = await many(address, 7)
    await waitUntil("two to be closed", () => all.filter(({ seen }) => seen.closed).length === 2)
    for (const { socket } of all) socket.destroy()

    assert.strictEqual(await refused(), 0)
  })

  it("GA2 addresses and networks of both families, an IPv4 address over IPv6 like itself", () => {
    const isExempt = exempting(["10.0.0.7", "192.168.0.0/16", "fd00::/8"])
    const addresses = ["10.0.0.7", "10.0.0.8", "192.168.3.4", "fd00::1", "fe80::1", "::ffff:10.0.0.7", "unknown"]

    assert.deepStrictEqual(
      addresses.map((remoteAddress) => isExempt(addressOf({ remoteAddress }))),
      [true, false, true, true, false, true, false]
    )
  })
})
