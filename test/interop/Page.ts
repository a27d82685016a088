/** Pages in a real Chromium, made of this tree's sources as a bundler makes them of the package. */
import { type ChildProcess, spawn } from "node:child_process"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { bundleOf } from "../support/bundle.ts"
import { newFolder } from "../support/folder.ts"
import { guest } from "./Tools.ts"

/** `page`: of guests/flags-node. `modules`: files that it is made of. */
export const bundled = (page: string) => bundleOf(guest("flags-node", page))

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** An origin with the page, and what the page told it. `answer`: what else it answers. */
export const openOrigin = async <Said>(code: string, answer?: Answer) => {
  const said: Array<Said> = []
  const served = createServer(async (request, response) => {
    if (request.method === "POST") {
      said.push(JSON.parse(Buffer.concat(await request.toArray()).toString()))
      response.end()
    } else if (request.url === "/page.js") response.writeHead(200, { "content-type": "text/javascript" }).end(code)
    else if (request.url === "/" || request.url?.startsWith("/?") === true)
      response
        .writeHead(200, { "content-type": "text/html" })
        .end('<body><script type="module" src="/page.js"></script></body>')
    else if (answer !== undefined) answer(request, response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((done) => served.listen(0, "127.0.0.1", done))
  const origin = `http://127.0.0.1:${(served.address() as { readonly port: number }).port}`
  return { origin, said, close: () => served.close() }
}

/** A Chromium with a profile of its own, which keeps it until `close`. */
export const openBrowser = () => {
  const folder = newFolder()
  const running: Array<ChildProcess> = []
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
  return {
    browse: (...urls: ReadonlyArray<string>): ChildProcess => {
      const child = spawn("chromium", [...flags, `--user-data-dir=${folder.path}`, ...urls], { stdio: "ignore" })
      running.push(child)
      return child
    },
    close: () => {
      for (const child of running) child.kill("SIGKILL")
      folder.remove()
    }
  }
}
