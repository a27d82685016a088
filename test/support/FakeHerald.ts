/** A REST server that answers what a test tells it to, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import { problemOf } from "../../src/edge/http/Problem.ts"
import type { ErrorName } from "../../src/errors/Catalogue.ts"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { goodStatus, unlike } from "./Contract.ts"

export interface Reply {
  readonly status?: number
  readonly body?: unknown
  /** Text to send instead of a JSON body. */
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Breaks the connection instead of answering. */
  readonly drop?: boolean
  /** The contract does not allow this: it is as from a newer Herald, a broken one, or something else. */
  readonly strange?: boolean
}

export interface Request {
  readonly line: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** Problem details as the server writes them. */
export const problem = (name: ErrorName, detail: string, more: Reply = {}): Reply => {
  const body = problemOf(new HeraldError({ name, message: detail }), "t1")
  return { status: body.status, body, ...more }
}

/** The names of times in milliseconds, and of the same for people: `createdAt` and `createdTime`, `at` and `time`. */
const twin = (name: string): string | undefined =>
  name === "at"
    ? "time"
    : name === "lastSeen" || name === "since"
      ? `${name}Time`
      : /^[a-z]\w*At$/.test(name)
        ? `${name.slice(0, -2)}Time`
        : undefined

/** With each time in both forms, as a server says it: tests write one. */
export const stamped = <Body>(body: Body): Body => {
  if (Array.isArray(body)) return body.map(stamped) as Body
  if (typeof body !== "object" || body === null) return body
  const told: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(body)) {
    told[name] = stamped(value)
    const other = twin(name)
    if (other === undefined || other in body) continue
    if (typeof value === "number") told[other] = new Date(value).toISOString()
    else if (value === null) told[other] = null
  }
  return told as Body
}

/** As a server shows values to who does not ask for texts (VJ1): a test writes texts. */
const cut = (body: unknown): unknown => {
  if (Array.isArray(body)) return body.map(cut)
  if (typeof body !== "object" || body === null) return body
  const told = Object.fromEntries(Object.entries(body).map(([name, part]) => [name, cut(part)]))
  const { type, template, deleted, value } = told
  return type === "json" && template === false && deleted === false && typeof value === "string"
    ? { ...told, value: JSON.parse(value) }
    : told
}

/** Stopped with the test. */
export const fakeHerald = Effect.acquireRelease(
  Effect.promise(() => FakeHerald.start()),
  (herald) => Effect.promise(() => herald.stop())
)

export class FakeHerald implements AsyncDisposable {
  readonly requests: Array<Request> = []
  readonly #answers = new Map<string, Array<Reply>>()
  #server: Server | undefined
  #port = 0

  static async start(): Promise<FakeHerald> {
    const herald = new FakeHerald()
    await herald.listen()
    return herald
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get lines(): ReadonlyArray<string> {
    return this.requests.map(({ line }) => line)
  }

  get last(): Request {
    return this.requests.at(-1)!
  }

  /** `line`: "GET /v1/config". The last reply is given again and again. Each is one that the contract lets a server give, or `strange`. */
  on(line: string, ...replies: ReadonlyArray<Reply>): this {
    const given = replies.map((reply) => (reply.strange === true ? reply : { ...reply, body: stamped(reply.body) }))
    for (const { status = goodStatus(line), body, raw, drop, strange } of given) {
      if (raw !== undefined || drop === true || strange === true) continue
      const why = unlike(line, status, body)
      if (why !== undefined) throw new Error(why)
    }
    this.#answers.set(line, given)
    return this
  }

  /** After `stop` listens on the same port again. */
  async listen(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const url = new URL(request.url ?? "/", this.url)
        const line = `${request.method} ${url.pathname}`
        const text = Buffer.concat(chunks).toString()
        this.requests.push({
          line,
          query: Object.fromEntries(url.searchParams),
          headers: request.headers,
          body: text === "" ? undefined : /json/.test(request.headers["content-type"] ?? "") ? JSON.parse(text) : text
        })
        const replies = this.#answers.get(line) ?? [problem("NotFound", `no route ${line}`)]
        const reply = replies.length > 1 ? replies.shift()! : replies[0]!
        if (reply.drop === true) return void request.socket.destroy()
        response.writeHead(reply.status ?? goodStatus(line), { "content-type": "application/json", ...reply.headers })
        const body = url.searchParams.get("as") === "text" ? reply.body : cut(reply.body)
        response.end(reply.raw ?? (body === undefined ? "" : JSON.stringify(body)))
      })
    })
    // On a slow machine a kept connection would else end just as it is used again.
    server.keepAliveTimeout = 0
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve))
    this.#port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
