/** A page in a real browser, with OpenFeature's web SDK and flagd's provider for it, asks the gRPC port of another origin. */
import { type ChildProcess, spawn } from "node:child_process"
import { createServer, type Server as Pages } from "node:http"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { newFolder } from "../support/folder.ts"
import { installed } from "../support/installed.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { guest } from "./Tools.ts"

interface Said {
  readonly may?: number | "refused"
  readonly checkout?: boolean
  readonly text?: string
}

const folder = newFolder()
const browsers: Array<ChildProcess> = []
const pages: Array<Pages> = []
let script = ""
let server: Server

/** An origin with the page, and what the page told it. */
const openOrigin = async () => {
  const said: Array<Said> = []
  const served = createServer(async (request, response) => {
    if (request.method === "POST") {
      said.push(JSON.parse(Buffer.concat(await request.toArray()).toString()))
      response.end()
    } else if (request.url === "/page.js") response.writeHead(200, { "content-type": "text/javascript" }).end(script)
    else response.writeHead(200, { "content-type": "text/html" }).end('<script type="module" src="/page.js"></script>')
  })
  pages.push(served)
  await new Promise<void>((resolve) => served.listen(0, "127.0.0.1", resolve))
  return { origin: `http://127.0.0.1:${(served.address() as { port: number }).port}`, said }
}
const browse = (origin: string): void => {
  const [host = "", port = ""] = server.grpc.split(":")
  const own = [`--user-data-dir=${join(folder.path, String(browsers.length))}`, "--no-first-run"]
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...own]
  browsers.push(spawn("chromium", [...flags, `${origin}/?host=${host}&port=${port}`], { stdio: "ignore" }))
}

const put = async (flag: string, value: unknown) => {
  const { status, body } = await server.call("PUT", `/v1/flags/${flag}?environment=production`, { value })
  assert.strictEqual(status, 200, JSON.stringify(body))
}
const text = (value: string) => ({ state: "ENABLED", variants: { a: value }, defaultVariant: "a" })

let named: Awaited<ReturnType<typeof openOrigin>>
beforeAll(async () => {
  installed("chromium", ["chromium"])
  const bundle = await rolldown({ input: guest("flags-node", "page.ts"), platform: "browser" })
  script = (await bundle.generate({ format: "esm" })).output[0].code
  named = await openOrigin()
  server = await startServer({ FLAGS_ANONYMOUS: "production", FLAGS_ORIGINS: named.origin })
  await put("new-checkout", {
    ...{ state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off" },
    targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
  })
  await put("text", text("before"))
})
afterAll(async () => {
  for (const browser of browsers) browser.kill("SIGKILL")
  for (const page of pages) page.close()
  await server?.[Symbol.asyncDispose]()
  folder.remove()
})

describe("a page", () => {
  it("OX1, FP7, CJ5 of an origin that is named has its flags, and hears of a change", async () => {
    browse(named.origin)
    const { said } = named
    await waitUntil("its flags", () => said.some(({ text }) => text === "before"))
    assert.deepInclude(said.at(-1), { checkout: true, text: "before" })
    await put("text", text("after"))
    await waitUntil("the change", () => said.at(-1)?.text === "after")
  })

  it("OX2 of another origin is told nothing", async () => {
    const other = await openOrigin()
    browse(other.origin)
    assert.deepStrictEqual(await waitUntil("what it met", () => other.said[0]), { may: "refused" })
  })
})
