/**
 * A receiver of OTLP over HTTP that decodes what it gets and keeps it; it can refuse and hang. Field numbers are those of
 * https://github.com/open-telemetry/opentelemetry-proto (trace, logs and metrics, version 1).
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { gunzipSync } from "node:zlib"

type Message = ReadonlyArray<{ readonly field: number; readonly value: Buffer | bigint }>

/** The fields of a protobuf message in their order: https://protobuf.dev/programming-guides/encoding/ */
const fieldsOf = (bytes: Buffer): Message => {
  const fields: Array<{ field: number; value: Buffer | bigint }> = []
  let at = 0
  const varint = () => {
    let [value, shift] = [0n, 0n]
    while (true) {
      const byte = bytes[at++]
      if (byte === undefined) throw new Error("a message ends within a number")
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
      shift += 7n
    }
  }
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error("a message ends within a field")
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const wire = tag & 7
    if (![0, 1, 2, 5].includes(wire)) throw new Error(`no such wire type: ${wire}`)
    const value = wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()))
    fields.push({ field: tag >> 3, value })
  }
  return fields
}

const all = (message: Message, field: number) =>
  message.filter((one) => one.field === field).map(({ value }) => value as Buffer)
const messages = (message: Message, field: number) => all(message, field).map(fieldsOf)
const text = (message: Message, field: number) => all(message, field)[0]?.toString() ?? ""
const hex = (message: Message, field: number) => all(message, field)[0]?.toString("hex") ?? ""
/** Texts and integers, as texts. */
const attributesOf = (message: Message, field: number): Record<string, string> =>
  Object.fromEntries(
    messages(message, field).map((pair) => {
      const value = messages(pair, 2)[0] ?? []
      const whole = value.find((one) => one.field === 3)?.value
      return [text(pair, 1), whole === undefined ? text(value, 1) : String(whole)]
    })
  )

/** The texts of a value, and of a list's. */
const bodyOf = (value: Message): string =>
  [text(value, 1), ...messages(value, 5).flatMap((list) => messages(list, 1).map(bodyOf))].filter(Boolean).join(" ")

const kinds = [undefined, "internal", "server", "client", "producer", "consumer"] as const

export interface GotSpan {
  readonly resource: Readonly<Record<string, string>>
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer" | undefined
  /** Trace ids. */
  readonly links: ReadonlyArray<string>
  /** Those that are texts or integers. */
  readonly attributes: Readonly<Record<string, string>>
  readonly failed: boolean
}

export interface GotLog {
  readonly resource: Readonly<Record<string, string>>
  readonly body: string
  readonly traceId: string
}

export class OtlpReceiver {
  readonly spans: Array<GotSpan> = []
  readonly logs: Array<GotLog> = []
  readonly metrics = new Set<string>()
  /** Requests that came, answered or not. */
  requests = 0
  mode: "take" | "refuse" | "hang" = "take"
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** `port`: where another one was; otherwise any free one. */
  static async start(mode: "take" | "refuse" | "hang" = "take", port = 0): Promise<OtlpReceiver> {
    const server = createServer().listen(port, "127.0.0.1")
    await once(server, "listening")
    const receiver = new OtlpReceiver(server)
    receiver.mode = mode
    server.on("request", (request, response) => void receiver.#answer(request, response))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #answer(request: IncomingMessage, response: ServerResponse) {
    this.requests++
    if (this.mode === "hang") return void request.resume()
    const chunks: Array<Buffer> = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return // the sender went away
    }
    if (this.mode === "refuse") return void response.writeHead(400).end()
    const sent = Buffer.concat(chunks)
    this.#keep(request.url ?? "", request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent)
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end()
  }

  #keep(path: string, bytes: Buffer) {
    for (const group of messages(fieldsOf(bytes), 1)) {
      const resource = attributesOf(messages(group, 1)[0] ?? [], 1)
      for (const item of messages(group, 2).flatMap((scope) => messages(scope, 2))) {
        if (path === "/v1/traces")
          this.spans.push({
            resource,
            name: text(item, 5),
            traceId: hex(item, 1),
            spanId: hex(item, 2),
            parentSpanId: hex(item, 4),
            kind: kinds[Number(item.find(({ field }) => field === 6)?.value ?? 0)],
            links: messages(item, 13).map((link) => hex(link, 1)),
            attributes: attributesOf(item, 9),
            failed: messages(item, 15).some((status) => status.some(({ field, value }) => field === 3 && value === 2n))
          })
        else if (path === "/v1/logs")
          this.logs.push({ resource, body: bodyOf(messages(item, 5)[0] ?? []), traceId: hex(item, 9) })
        else if (path === "/v1/metrics") this.metrics.add(text(item, 1))
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }
}
