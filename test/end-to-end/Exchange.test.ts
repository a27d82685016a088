/** A service token as people get it, by the command line, at every door of a real server, until it ends. */
import { assert, describe, it } from "vitest"
import { SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { rawStream } from "../support/RawStream.ts"
import { startServer } from "../support/Server.ts"
import { StreamClient } from "../support/StreamClient.ts"
import { terminal } from "../support/Terminal.ts"
import { waitUntil } from "../support/waitUntil.ts"

const SUBSCRIBE = "/herald.distribution.v1.DistributionService/Subscribe"
const hello = { serviceName: "shop", environment: "production", keys: ["payments.*"] }
const helloOf = (instanceId: string) =>
  SubscribeRequest.encode(SubscribeRequest.fromPartial({ ...hello, instanceId })).finish()

describe("herald key exchange", () => {
  it("A8 A9 gives a token that publishes and subscribes by HTTP, WebSocket and gRPC, whose streams end with it and with its key", async () => {
    await using server = await startServer()
    const herald = async (token: string, ...args: ReadonlyArray<string>) => {
      const cli = terminal({ env: { HERALD_TOKEN: token } })
      const exit = await cli.run(...args, "--server", server.http)
      return { exit, out: cli.out.join("\n"), err: cli.err.join("\n") }
    }
    const make = ["key", "create", "robot", "--role", "publisher", "--env", "*", "--output", "json"]
    const { token: key, key: its } = JSON.parse((await herald(server.token, ...make)).out)
    const exchanged = await herald(
      key,
      "key",
      "exchange",
      "--env",
      "production",
      "--keys",
      "payments.*",
      "--output",
      "json"
    )
    assert.strictEqual(exchanged.exit, 0, exchanged.err)
    const { token } = JSON.parse(exchanged.out)
    assert.match(token, /^hrst_/)

    const log = await herald(server.token, "audit", "tail", "--output", "json")
    const entry = JSON.parse(log.out).find(({ action }: { action: string }) => action === "token.exchange")
    assert.deepInclude(entry, { performedBy: "robot" }, log.out) // EX1
    assert.deepInclude(entry.details, { keyId: its.id, environments: ["production"], keys: ["payments.*"] })
    assert.deepInclude(entry.details, { lifeMillis: 900_000, address: "127.0.0.1" })
    assert.notInclude(log.out, token.slice("hrst_".length))

    const published = await herald(token, "publish", "payments.db", '"plain"')
    assert.strictEqual(published.exit, 0, published.err)
    const refused = await herald(token, "publish", "orders.db", "1")
    assert.deepStrictEqual([refused.exit, /HRLD-3002/.test(refused.err)], [6, true], refused.err)
    const wider = await herald(token, "key", "exchange", "--env", "*")
    assert.deepStrictEqual([wider.exit, /HRLD-3002/.test(wider.err)], [6, true], wider.err)

    const streams: Array<() => void> = []
    const follow = (instance: string, by: string) => {
      let heard = ""
      const message = helloOf(instance)
      const call = rawStream({ address: server.grpc, token: by, path: SUBSCRIBE, message, open: true }, (bytes) => {
        heard += bytes.toString("latin1")
      })
      streams.push(call.close)
      return { ...call, heard: () => heard }
    }
    try {
      const long = follow("long", token)
      await waitUntil("the value by gRPC", () => long.heard().includes("plain"))
      const socket = new StreamClient(server.http, token, { form: "json" })
      streams.push(() => socket.close())
      await socket.until("welcome")
      socket.subscribe({ ...hello, instanceId: "web" })
      await socket.content('"plain"')

      const asked = { lifeMillis: 2_000, keys: ["payments.*"] }
      const brief = await fetch(`${server.http}/v1/token`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(asked)
      }).then((answer) => answer.json() as Promise<{ token: string; until: number }>)
      const short = follow("short", brief.token)
      await waitUntil("the short one's stream to end", () => short.said.ended !== undefined)
      assert.deepStrictEqual([short.said.ended, Date.now() >= brief.until], [14, true], short.said.details)
      assert.isUndefined(long.said.ended)

      assert.strictEqual((await server.call("DELETE", `/v1/keys/${its.id}`)).status, 204)
      await waitUntil("the long one's stream to end", () => long.said.ended !== undefined)
      assert.strictEqual(long.said.ended, 14, long.said.details)
      const again = follow("long", token)
      await waitUntil("it to be refused when it comes back", () => again.said.ended !== undefined)
      assert.strictEqual(again.said.ended, 16, again.said.details)
      assert.strictEqual((await herald(token, "access", "whoami")).exit, 6)
      for (const secret of [token, brief.token]) assert.notInclude(server.output, secret.slice("hrst_".length))
    } finally {
      for (const end of streams) end()
    }
  })
})
