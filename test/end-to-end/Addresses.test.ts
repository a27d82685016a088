/** What a server says about itself can be dialled, whatever it listens on; and what goes to this machine stays on it. */
import { execFile } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { FakeHerald } from "../support/FakeHerald.ts"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const run = promisify(execFile)
const root = new URL("../..", import.meta.url).pathname

describe("addresses", () => {
  for (const [http, grpc, said] of [
    ["0.0.0.0", "::", [/^http:\/\/127\.0\.0\.1:\d+$/, /^\[::1\]:\d+$/]],
    ["[::1]", "0.0.0.0", [/^http:\/\/\[::1\]:\d+$/, /^127\.0\.0\.1:\d+$/]],
    ["::", "::1", [/^http:\/\/\[::1\]:\d+$/, /^\[::1\]:\d+$/]]
  ] as const) {
    it(`HP3: a server on ${http} and ${grpc} announces what can be dialled, and the CLI finds it`, async () => {
      await using server = await startServer({ HTTP_HOST: http, GRPC_HOST: grpc, HERALD_INSECURE: "yes" })
      assert.match(server.http, said[0])
      assert.match(server.grpc, said[1])
      await waitUntil("it to say so", () => server.output.includes(`"http":"${server.http}"`))
      assert.strictEqual((await server.publish("shop", 1, { type: "number" })).status, 200)
      await using client = await HeraldClient.connect({ address: server.grpc, service: "shop", token: server.token })
      assert.strictEqual(client.get("shop"), 1)
      const { stdout } = await run(process.execPath, ["src/cli/main.ts", "list", "--data", server.data], { cwd: root })
      assert.include(stdout, "shop")
    })
  }
})

it("CH4 what the CLI sends to this machine goes through no proxy, also where the runtime is told to use one", async () => {
  const seen: Array<string> = []
  const proxy = createServer((request, response) => {
    seen.push(`${request.url} ${request.headers.authorization}`)
    response.writeHead(502).end()
  })
  proxy.on("connect", (request, socket) => {
    seen.push(String(request.url))
    socket.end()
  })
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void proxy.close())
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  await using herald = await FakeHerald.start()
  herald.on("GET /v1/config", { body: { keys: [], next: null } })
  const deno = new URL("../../node_modules/.bin/deno", import.meta.url).pathname
  for (const [program, ...args] of [[process.execPath], [deno, "run", "-A"]] as const) {
    const env = {
      ...process.env,
      NODE_USE_ENV_PROXY: "1",
      HTTP_PROXY: url,
      http_proxy: url,
      no_proxy: "",
      NO_PROXY: ""
    }
    const target = { HERALD_SERVER: herald.url, HERALD_TOKEN: "secret-token" }
    await run(program, [...args, "src/cli/main.ts", "list"], { cwd: root, env: { ...env, ...target } })
  }

  assert.deepStrictEqual([seen, herald.requests.length], [[], 2])
})
