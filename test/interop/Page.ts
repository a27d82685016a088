/** Pages in a real Chromium, made of this tree's sources as a bundler makes them of the package. */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { join } from "node:path"
import { bundleOf } from "../support/bundle.ts"
import { newFolder } from "../support/folder.ts"
import { waitUntil } from "../support/waitUntil.ts"
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

/** A tab in which nothing was opened yet, over the protocol of Chromium's tools. `method`: https://chromedevtools.github.io/devtools-protocol/ */
export const openTab = async (profile: string) => {
  const file = join(profile, "DevToolsActivePort")
  const [port, path] = await waitUntil("the browser's tools", () => {
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : []
    return lines.length >= 2 ? lines : undefined
  })
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  const answers = new Map<number, (result: Answered) => void>()
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve)
    socket.addEventListener("error", reject)
  })
  socket.addEventListener("message", ({ data }) => {
    const answer = JSON.parse(String(data)) as Answered
    answers.get(answer.id)?.(answer)
  })
  let ids = 0
  const ask = (method: string, params: object = {}, sessionId?: string) =>
    new Promise<Answered["result"]>((resolve, reject) => {
      const id = ++ids
      answers.set(id, ({ result, error }) => (error === undefined ? resolve(result) : reject(new Error(error.message))))
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }))
    })
  const { targetId } = await ask("Target.createTarget", { url: "about:blank" })
  const { sessionId } = await ask("Target.attachToTarget", { targetId, flatten: true })
  return {
    ask: (method: string, params: object = {}) => ask(method, params, sessionId),
    close: () => socket.close()
  }
}
interface Answered {
  readonly id: number
  // biome-ignore lint/suspicious/noExplicitAny: each answer has its own
  readonly result: any
  readonly error?: { readonly message: string }
}

/** A Chromium with a profile of its own, which keeps it until `close`. `tools`: its tools listen (`openTab`). */
export const openBrowser = ({ tools = false } = {}) => {
  const folder = newFolder()
  const running: Array<ChildProcess> = []
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
  if (tools) flags.push("--remote-debugging-port=0")
  return {
    profile: folder.path,
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
