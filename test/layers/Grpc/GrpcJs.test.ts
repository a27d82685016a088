/** grpc-js below the door, on a real socket with TLS. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { onGrpcJs } from "../../../layers/Grpc/GrpcJs.ts"
import { makeOrigins } from "../../../src/net/Origins.ts"
import { makeCertificates } from "../../support/Certificates.ts"
import { waitUntil } from "../../support/waitUntil.ts"

describe("GrpcJs", () => {
  it("GJ1 a TLS handshake that never ends is closed and counted", async () => {
    const folder = mkdtempSync(join(tmpdir(), "grpc-js-"))
    const files = makeCertificates(folder)
    const pair = { cert: readFileSync(files.certificate, "utf8"), key: readFileSync(files.key, "utf8") }
    const refused: Array<string> = []
    const below = onGrpcJs({
      options: { host: "127.0.0.1", port: 0, maxStreams: 10, handshake: 50 },
      gate: { maxConnections: 10, perAddress: 10, exempt: [] },
      certificate: { now: () => pair, keep: () => {} },
      services: [],
      handlers: new Map(),
      ...{
        connect: () => undefined,
        origins: makeOrigins({ origins: [], methods: [], exposed: [] }),
        defect: () => {}
      },
      refuse: (reason) => void refused.push(reason),
      soon: (step) => step()
    })
    const port = await below.listen()
    try {
      let closed = false
      const silent = connect(port, "127.0.0.1").on("close", () => {
        closed = true
      })
      silent.on("error", () => {}).resume()
      await waitUntil("the silent one to be closed", () => closed)
      assert.deepStrictEqual(refused, ["preface"])
    } finally {
      below.cut()
      rmSync(folder, { recursive: true })
    }
  })
})
