/** The HTTP door is the same by HTTP/1.1 and by HTTP/2. */
import { connect as connectTls } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { asker, type Protocol, protocols } from "../../support/Protocols.ts"
import { door, page } from "./Door.ts"

const { certificate, ends, start } = door()

const by = async (protocol: Protocol) => {
  const port = await start(protocol === "HTTP/1.1" ? { tls: undefined } : {})
  const { ask, close } = asker(protocol, port, certificate.ca)
  ends.push(close)
  return { ask }
}

describe("protocols", () => {
  it.each(protocols)("HS8 every route is the same (%s)", async (protocol) => {
    const { ask } = await by(protocol)
    const said = await ask("/hello", { headers: { "accept-encoding": "identity" } })
    const all = [await ask("/hello", { method: "HEAD" }), await ask("/page"), await ask("/nowhere")]

    assert.deepStrictEqual(
      [said.status, said.text, said.headers["content-type"], said.headers["content-length"]],
      [200, "hello", "text/plain", "5"]
    )
    assert.deepStrictEqual(
      all.map(({ status, text }) => [status, text.length]),
      [
        [200, 0],
        [200, page.length],
        [404, 0]
      ]
    )
  })

  it("HS8 with TLS a client has HTTP/2 and HTTP/1.1 to choose from; who names neither gets HTTP/1.1", async () => {
    const port = await start()
    const picked = (offered: ReadonlyArray<string>) =>
      new Promise((resolve) => {
        const options = { port, host: "127.0.0.1", ca: certificate.ca, ALPNProtocols: [...offered] }
        const socket = connectTls(options, () => {
          resolve(socket.alpnProtocol)
          socket.destroy()
        })
      })

    assert.deepStrictEqual(
      [
        await picked(["h2", "http/1.1"]),
        await picked(["http/1.1", "h2"]),
        await picked(["http/1.1"]),
        await picked([])
      ],
      ["h2", "h2", "http/1.1", false]
    )
  })
})
