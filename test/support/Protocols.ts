/** How a test asks the HTTP door: HTTP/1.1 in clear text, HTTP/1.1 and HTTP/2 with TLS. */
import { type ClientHttp2Session, connect } from "node:http2"
import { request } from "node:https"
import { afterAll, beforeAll } from "vitest"
import { type Certificates, makeCertificates } from "./Certificates.ts"
import { newFolder } from "./folder.ts"

export const protocols = ["HTTP/1.1", "HTTP/1.1 with TLS", "HTTP/2"] as const
export type Protocol = (typeof protocols)[number]

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | Array<string> | undefined>>
  readonly text: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** The tests of this file have a certificate of their own. */
export const certified = (): { readonly tls: { readonly cert: string; readonly key: string }; readonly ca: string } => {
  const folder = newFolder()
  let made: Certificates | undefined
  beforeAll(() => {
    made = makeCertificates(folder.path)
  })
  afterAll(() => folder.remove())
  return {
    get tls() {
      return { cert: made!.certificate, key: made!.key }
    },
    get ca() {
      return made!.trusted.ca
    }
  }
}

const secured = (port: number, path: string, { method = "GET", headers = {}, body }: Ask, ca: string) =>
  new Promise<Answered>((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers, ca, agent: false }, (answer) => {
      let text = ""
      answer.setEncoding("utf8")
      answer.on("data", (chunk) => (text += chunk))
      answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, text }))
    })
    asked.on("error", reject)
    asked.end(body)
  })

const onStream = (session: ClientHttp2Session, path: string, { method = "GET", headers = {}, body }: Ask) =>
  new Promise<Answered>((resolve, reject) => {
    const stream = session.request({ ":path": path, ":method": method, ...headers }, { endStream: body === undefined })
    let [text, said] = ["", {} as Record<string, string>]
    stream.setEncoding("utf8")
    stream.on("response", (head) => {
      said = head as never
    })
    stream.on("data", (chunk) => (text += chunk))
    stream.on("end", () => resolve({ status: Number(said[":status"]), headers: said, text }))
    stream.on("error", reject)
    if (body !== undefined) stream.end(body)
  })

/** Asks on one connection where the protocol has a use for that. `close` ends it. */
export const asker = (protocol: Protocol, port: number, ca: string) => {
  const session = protocol === "HTTP/2" ? connect(`https://127.0.0.1:${port}`, { ca }) : undefined
  session?.on("error", () => {})
  return {
    /** Undefined: the protocol is another. */
    session,
    ask: async (path: string, options: Ask = {}): Promise<Answered> => {
      if (session !== undefined) return onStream(session, path, options)
      if (protocol === "HTTP/1.1 with TLS") return secured(port, path, options, ca)
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, options)
      return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
    },
    close: () => session?.destroy()
  }
}
