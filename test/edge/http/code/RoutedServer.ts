/** The real routes and services on memory twins, behind a socket: what the command line and programs speak to. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { startRoutes } from "../Harness.ts"

export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
}

export class RoutedServer implements AsyncDisposable {
  readonly asked: Array<Asked> = []
  /** Runs before a request is answered; "drop" breaks the connection instead, once it is answered. */
  before: (asked: Asked) => Promise<"drop" | undefined | void> = async () => {}
  readonly url: string
  readonly tokens: ReadonlyMap<string, string>
  readonly call: Awaited<ReturnType<typeof startRoutes>>["call"]
  readonly #stop: () => Promise<void>

  private constructor(
    url: string,
    { call, tokens }: Pick<Awaited<ReturnType<typeof startRoutes>>, "call" | "tokens">,
    stop: () => Promise<void>
  ) {
    this.url = url
    this.call = call
    this.tokens = tokens
    this.#stop = stop
  }

  static async start(): Promise<RoutedServer> {
    const routes = await startRoutes()
    let made: RoutedServer | undefined
    const server = createServer(async (request, response) => {
      const chunks: Array<Buffer> = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const { method = "GET", url: path = "/" } = request
      const asked = { method, path }
      made!.asked.push(asked)
      const drop = await made!.before(asked)
      const headers = Object.fromEntries(
        Object.entries(request.headers).flatMap(([name, value]) =>
          typeof value === "string" && !["host", "connection", "content-length"].includes(name) ? [[name, value]] : []
        )
      )
      const answer = await routes.call(method, path, {
        as: "nobody",
        headers,
        ...(chunks.length === 0 ? {} : { body: new Uint8Array(Buffer.concat(chunks)) })
      })
      if (drop === "drop") return void request.socket.destroy()
      const said = [...answer.headers].filter(([name]) => !["content-length", "transfer-encoding"].includes(name))
      response.writeHead(answer.status, Object.fromEntries(said))
      response.end(answer.text)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    made = new RoutedServer(url, routes, async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await routes.dispose()
    })
    return made
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}
