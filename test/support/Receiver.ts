/** A receiver of webhooks that knows nothing of Herald's code: it checks signatures as the specification says, with node:crypto. */
import { createHmac, timingSafeEqual } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"

export interface Hook {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies by hand
  readonly body: any
  /** Which of the secrets signed it. */
  readonly signedBy: ReadonlyArray<number>
  readonly status: number
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme */
const verify = (secret: string, headers: IncomingHttpHeaders, body: string): boolean => {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret)
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`
  const wanted = createHmac("sha256", key).update(content).digest()
  return String(headers["webhook-signature"])
    .split(" ")
    .filter((one) => one.startsWith("v1,"))
    .map((one) => Buffer.from(one.slice(3), "base64"))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted))
}

export class Receiver implements AsyncDisposable {
  /** Every request, refused ones included. */
  readonly hooks: Array<Hook> = []
  /** What to answer; undefined: nothing, for ever. */
  answer: (path: string, hook: Omit<Hook, "status">) => number | undefined = () => 204
  headers: Record<string, string> = {}
  readonly #secrets: ReadonlyArray<string>
  #server: Server | undefined
  #port = 0

  private constructor(secrets: ReadonlyArray<string>) {
    this.#secrets = secrets
  }

  static async start(...secrets: ReadonlyArray<string>): Promise<Receiver> {
    const receiver = new Receiver(secrets)
    await receiver.up()
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Those that were taken. */
  get taken(): ReadonlyArray<Hook> {
    return this.hooks.filter(({ status }) => status >= 200 && status < 300)
  }

  async up(): Promise<void> {
    const server = createServer(async (request, response) => {
      let text = ""
      for await (const chunk of request) text += String(chunk)
      const { headers, url = "" } = request
      const signedBy = this.#secrets.flatMap((secret, index) => (verify(secret, headers, text) ? [index] : []))
      const hook = { id: String(headers["webhook-id"]), headers, text, body: JSON.parse(text), signedBy }
      const status = this.answer(url, hook)
      if (status === undefined) return
      this.hooks.push({ ...hook, status })
      response.writeHead(status, this.headers).end("thank you")
    })
    server.listen(this.#port, "127.0.0.1")
    await once(server, "listening")
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  async down(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    server.closeAllConnections()
    server.close()
    await once(server, "close")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
  }
}
