/** Fault 30: no descriptors left. New connections are refused, the old ones are kept and served. */
import { connect as connectTcp, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { measured } from "../support/measured.ts"
import { Server } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 30: descriptors exhausted", () => {
  it("0 existing streams lost, and new ones are taken again afterwards", async () => {
    await using database = await startDatabase()
    await using server = new Server({ DATABASE_URL: database.url }, { descriptors: 128 })
    await server.start()
    const kept = Array.from(
      { length: 5 },
      (_, i) => new Subscriber(server.grpc, { token: server.token, instance: `kept ${i}` })
    )
    await server.publish("svc", "one")
    await waitUntil("the first value", () => kept.every((one) => one.content("svc") === "one"))

    const flood: Array<Socket> = []
    let refused = 0
    const [host, port] = server.grpc.split(":")
    for (let i = 0; i < 400; i++) {
      const socket = connectTcp({ host: host!, port: Number(port) })
      socket.on("error", () => {})
      socket.on("close", () => refused++)
      flood.push(socket)
    }
    await waitUntil("connections to be refused", () => refused > 100)
    // fetch keeps the connection of the first publish open: an old one.
    await waitUntil(
      "a publish over an old connection",
      async () => (await server.publish("svc", "two").catch(() => undefined))?.status === 200
    )
    const turnedAway = refused
    await waitUntil("the old streams go on", () => kept.every((one) => one.content("svc") === "two"))
    for (const one of kept) assert.isFalse(one.ended)

    measured(30, "128 descriptors, 400 connections more", {
      "connections refused": turnedAway,
      "streams lost": kept.filter(({ ended }) => ended).length
    })
    for (const socket of flood) socket.destroy()
    const fresh = new Subscriber(server.grpc, { token: server.token, instance: "fresh" })
    await waitUntil("a new stream", () => fresh.content("svc") === "two")
    for (const one of [...kept, fresh]) one.close()
  })
})
