/** A node in this process whose HTTP door is open, and clients of its WebSockets. */
import { Effect, Layer, ManagedRuntime } from "effect"
import * as Http from "../../layers/Http/HttpServer.ts"
import * as Packer from "../../layers/Http/Packer.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Role, system } from "../../src/access/Identity.ts"
import { serve } from "../../src/edge/http/Http.ts"
import { SocketDoor } from "../../src/edge/websocket/Socket.ts"
import { http } from "../../src/node/Node.ts"
import { node, stores, type TestNodeOptions } from "../../src/testing.ts"
import { waitUntil } from "./waitUntil.ts"

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages by hand
export type Said = any

export const openHttp = async (options: Partial<TestNodeOptions> = {}, limits: Partial<Http.HttpOptions> = {}) => {
  /** Paths of the WebSockets that it opens. */
  const sockets: Array<string> = []
  const noted = Layer.effect(
    SocketDoor,
    Effect.map(SocketDoor, (real) => ({
      serve: (routes: Parameters<typeof real.serve>[0]) => {
        sockets.push(...routes.map(({ path }) => path))
        real.serve(routes)
      }
    }))
  )
  const runtime = ManagedRuntime.make(
    serve(http).pipe(
      Layer.provide(Packer.layer),
      Layer.provide(noted),
      Layer.provideMerge(Http.layer({ host: "127.0.0.1", port: 0, ...limits })),
      Layer.provideMerge(Layer.fresh(node(options).pipe(Layer.provideMerge(stores))))
    )
  )
  const port = await runtime.runPromise(Http.boundPort)
  const mint = async (name: string, role: Role, topics?: ReadonlyArray<string>) => {
    const made = Effect.flatMap(Access, (access) =>
      access.createKey({
        ...{ name, role, environments: ["*"], expiresAt: null, add: true },
        ...(topics === undefined ? {} : { topics })
      })
    )
    return runtime.runPromise(Effect.provideService(made, CurrentIdentity, system))
  }
  const { token } = await mint("admin", "admin")
  const call = async (method: string, path: string, body?: unknown, as = token) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization: `Bearer ${as}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await answer.text()
    return { status: answer.status, body: (text === "" ? undefined : JSON.parse(text)) as Said }
  }
  return { port, runtime, mint, token, call, sockets, close: () => runtime.dispose() }
}

/** A client; `token` undefined: it says no hello. */
export class SocketClient {
  readonly socket: WebSocket
  readonly said: Array<Said> = []
  closed: { readonly code: number; readonly reason: string } | undefined

  constructor(port: number | string, token: string | undefined, path = "/v1/topics/stream", protocols?: Array<string>) {
    const url = typeof port === "number" ? `ws://127.0.0.1:${port}` : port
    this.socket = new WebSocket(`${url}${path}`, protocols ?? [])
    this.socket.addEventListener("open", () => {
      if (token !== undefined) this.say({ type: "hello", token })
    })
    this.socket.addEventListener("message", ({ data }) => this.said.push(JSON.parse(String(data))))
    this.socket.addEventListener("error", () => {})
    this.socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason }
    })
  }

  say(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message))
  }

  /** The first of these that was said, when it was. */
  until(type: string, id?: string): Promise<Said> {
    return waitUntil(`a message ${type} ${id ?? ""}`, () =>
      this.said.find((one) => one.type === type && (id === undefined || one.id === id))
    )
  }

  /** Events of a reader, when there are so many. */
  events(id: string, count: number): Promise<ReadonlyArray<Said>> {
    const all = () => this.said.filter((one) => one.type === "events" && one.id === id).flatMap(({ events }) => events)
    return waitUntil(`${count} events of ${id}`, () => (all().length >= count ? all() : undefined))
  }

  ended(): Promise<{ readonly code: number; readonly reason: string }> {
    return waitUntil("the end of a socket", () => this.closed)
  }

  close(): void {
    this.socket.close()
  }
}
