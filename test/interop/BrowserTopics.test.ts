/** A page in a real browser publishes to a topic and reads it over a WebSocket, over kill -9 of the server. */
import { type ChildProcess, spawn } from "node:child_process"
import { createServer, type Server as Pages } from "node:http"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { newFolder } from "../support/folder.ts"
import { installed } from "../support/installed.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { bundled } from "./Page.ts"

interface Said {
  readonly live?: boolean
  readonly lost?: boolean
  readonly placed?: number
  readonly failed?: string
  readonly event?: { readonly n: number; readonly by: string }
}

const folder = newFolder()
const said: Array<Said> = []
let browser: ChildProcess | undefined
let pages: Pages | undefined
let server: Server

beforeAll(async () => {
  installed("chromium", ["chromium"])
  const { code, modules } = await bundled("topics.ts")
  assert.isEmpty(modules.filter((module) => module.startsWith("node_modules") || module.startsWith("proto")))
  server = await startServer({})
  const made = await server.call("POST", "/v1/topics", { name: "page" })
  assert.strictEqual(made.status, 201)
  const served = createServer(async (request, response) => {
    if (request.method === "POST") {
      said.push(JSON.parse(Buffer.concat(await request.toArray()).toString()))
      response.end()
    } else if (request.url === "/page.js") response.writeHead(200, { "content-type": "text/javascript" }).end(code)
    else response.writeHead(200, { "content-type": "text/html" }).end('<script type="module" src="/page.js"></script>')
  })
  pages = served
  await new Promise<void>((done) => served.listen(0, "127.0.0.1", done))
  const origin = `http://127.0.0.1:${(served.address() as { port: number }).port}`
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
  const query = new URLSearchParams({ address: server.http, token: server.token })
  browser = spawn("chromium", [...flags, `--user-data-dir=${folder.path}`, `${origin}/?${query}`], { stdio: "ignore" })
})
afterAll(async () => {
  browser?.kill("SIGKILL")
  pages?.close()
  await server?.[Symbol.asyncDispose]()
  folder.remove()
})

const events = () => said.flatMap(({ event }) => (event === undefined ? [] : [event]))

describe("a page", () => {
  it("XB2, QP1 publishes and reads", async () => {
    await waitUntil("what it published", () => said.some(({ placed }) => placed === 3))
    await waitUntil("what it read", () => events().length === 3)
    assert.deepStrictEqual(
      events().map(({ n }) => n),
      [1, 2, 3]
    )
  })

  it("ZR1 goes on after kill -9 of the server, with each event once", async () => {
    await server.end("SIGKILL")
    await waitUntil("a lost socket", () => said.some(({ lost }) => lost))
    await server.start()
    const answer = await server.call("POST", "/v1/topics/page/events", { events: [{ value: { n: 4, by: "us" } }] })
    assert.strictEqual(answer.status, 200)
    await waitUntil("the next event", () => events().length === 4)
    assert.deepStrictEqual(events().at(-1), { n: 4, by: "us" })
    assert.isEmpty(said.filter(({ failed }) => failed !== undefined))
  })
})
