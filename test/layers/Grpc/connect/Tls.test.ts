/** Connect in TLS, by what the client agrees on, and with certificates of clients. */
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Certificates, makeCertificates } from "../../../support/Certificates.ts"
import { clientOf, codeOf, follow, put, transportOf, V2, type Way } from "../../../support/ConnectClients.ts"
import { Door } from "../../../support/Door.ts"
import { newFolder } from "../../../support/folder.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

const folder = newFolder()
let server: Certificates
let client: Certificates
let door: Door
beforeAll(async () => {
  const pair = (name: string) => {
    mkdirSync(join(folder.path, name))
    return makeCertificates(join(folder.path, name))
  }
  ;[server, client] = [pair("server"), pair("client")]
  const tls = { cert: server.certificate, key: server.key, clientCa: client.ca }
  door = await Door.open({ server: "lane", tls, clientCertificates: "required" })
  await put(door, "here", { enabled: true })
})
afterAll(async () => {
  await door.close()
  folder.remove()
})

describe("Connect in TLS", () => {
  it.each<Way>(["Connect, binary", "Connect on HTTP/2, JSON", "gRPC-Web, JSON"])(
    "LV1, CJ5 serves %s to whoever shows its certificate, and nobody else",
    async (way) => {
      const showing = (shows: object) => {
        const nodeOptions = { ca: server.trusted.ca, ...shows }
        const transport = transportOf(
          `https://${door.address.replace("127.0.0.1", "localhost")}`,
          way,
          { authorization: `Bearer ${door.token}` },
          { nodeOptions }
        )
        return clientOf(V2, transport)
      }
      const known = showing({ key: readFileSync(client.key), cert: readFileSync(client.certificate) })
      assert.strictEqual((await known.resolveBoolean({ flagKey: "here" })).value, true)
      const { got } = follow(known.eventStream({}))
      await waitUntil("a stream to be open", () => got[0]?.type === "provider_ready")
      assert.notStrictEqual(await codeOf(showing({}).resolveBoolean({ flagKey: "here" })), "ok")
    }
  )
})
