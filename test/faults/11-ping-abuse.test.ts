/** Fault 11: a peer that floods with HTTP/2 pings loses its connection; a client with the usual keepalive keeps its own. */
import { connect } from "node:http2"
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 11: ping abuse", () => {
  it("the abuser is told ENHANCE_YOUR_CALM and closed, others stay", async () => {
    await using server = await startServer()
    const good = new Subscriber(server.grpc, { token: server.token })
    const abuser = connect(`http://${server.grpc}`)
    let code: number | undefined
    abuser.on("goaway", (error) => (code = error))
    abuser.on("error", () => {})
    await new Promise((resolve) => abuser.once("connect", resolve))
    const closed = new Promise<void>((resolve) => abuser.once("close", resolve))
    const from = performance.now()
    const flood = setInterval(() => abuser.destroyed || abuser.ping(() => {}), 5)
    await closed
    const took = performance.now() - from
    clearInterval(flood)

    assert.strictEqual(code, 11)
    await server.publish("svc", "one")
    await waitUntil("the good client goes on", () => good.content("svc") === "one")
    assert.isFalse(good.ended)
    measured(11, "200 pings a second", { "closed after": seconds(took) })
    good.close()
  })
})
