import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { connect, createServer } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type CertificateFiles, makeCertificate } from "../../../layers/Sockets/Certificate.ts"
import { Authority } from "../../support/Authority.ts"
import { makeCertificates } from "../../support/Certificates.ts"
import { newFolder } from "../../support/folder.ts"

describe("Certificate", () => {
  it.effect(
    "TC1 TC4 what is wrong with a pair is told by the file that it is wrong with; one file alone is a mistake",
    () =>
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(Effect.sync(newFolder), ({ remove }) => Effect.sync(remove))
        const pair = (name: string) => {
          mkdirSync(join(folder.path, name))
          return makeCertificates(join(folder.path, name))
        }
        const [first, second] = [pair("first"), pair("second")]
        for (const [files, told] of [
          [{ cert: first.certificate, key: second.key }, "is not the key of the first certificate"],
          [{ cert: join(folder.path, "none"), key: first.key }, "TLS_CERT can't be read"],
          [{ cert: first.key, key: first.key }, "is no certificate in PEM"],
          [{ cert: first.certificate, key: first.certificate }, "is no private key"],
          [{ cert: first.certificate }, "TLS_CERT is given and TLS_KEY is not"],
          [{ key: first.key }, "TLS_KEY is given and TLS_CERT is not"],
          [{ clientCa: first.ca }, "TLS_CLIENT_CA is given, and TLS_CERT and TLS_KEY are not"],
          [{ cert: first.certificate, key: first.key, clientCa: first.key }, "(TLS_CLIENT_CA) has no certificate"],
          [{ cert: first.certificate, key: first.key, clientCa: "/none" }, "TLS_CLIENT_CA can't be read"]
        ] as const) {
          const error = yield* Effect.flip(makeCertificate(files))
          assert.strictEqual(error.name, "SettingsInvalid")
          assert.include(error.message, told)
        }
        assert.isUndefined(yield* makeCertificate({}))
        const good = yield* makeCertificate({ cert: first.certificate, key: first.key })
        assert.include(good?.now().cert, "BEGIN CERTIFICATE")
      }).pipe(Effect.scoped)
  )

  it.effect(
    "TC5 TC6 tickets of before are worth nothing once the pair changed, and none is ever where clients are asked",
    () =>
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(Effect.sync(newFolder), ({ remove }) => Effect.sync(remove))
        const own = makeCertificates(folder.path)
        const authority = new Authority(folder.path, "authority")
        const chain = readFileSync(own.certificate, "utf8")
        const served = Effect.fnUntraced(function* (files: CertificateFiles) {
          const certificate = (yield* makeCertificate(files))!
          const server = createServer(
            { ...certificate.now(), requestCert: true, rejectUnauthorized: false },
            (socket) => {
              again.push(socket.isSessionReused())
              socket.on("error", () => {}).end("x")
            }
          )
          certificate.keep(server)
          yield* Effect.acquireRelease(
            Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
            () => Effect.sync(() => server.close())
          )
          const again: Array<boolean> = []
          const come = (session?: Buffer) =>
            Effect.promise(
              () =>
                new Promise<Buffer | undefined>((resolve) => {
                  const { port } = server.address() as AddressInfo
                  const socket = connect({ port, ca: own.trusted.ca, ...(session === undefined ? {} : { session }) })
                  let got: Buffer | undefined
                  socket.on("session", (one: Buffer) => (got = one)).once("close", () => resolve(got))
                  socket.resume()
                })
            )
          const ticket = yield* come()
          yield* come(ticket)
          writeFileSync(own.certificate, `${chain}\n`.repeat(files.clientCa === undefined ? 1 : 2))
          yield* TestClock.adjust("3 seconds")
          yield* come(ticket)
          return again
        })
        const files = { cert: own.certificate, key: own.key }
        assert.deepStrictEqual(yield* served(files), [false, true, false])
        assert.deepStrictEqual(yield* served({ ...files, clientCa: authority.certificate }), [false, false, false])
      }).pipe(Effect.scoped)
  )
})
