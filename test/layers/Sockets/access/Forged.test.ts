import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { connect, createServer } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { layer } from "../../../../layers/Sockets/access/Certificates.ts"
import { certificateOf } from "../../../../layers/Sockets/PeerCertificate.ts"
import { type Certificate, Certificates } from "../../../../src/access/Certificates.ts"
import { Authority, type Issued } from "../../../support/Authority.ts"
import { makeCertificates } from "../../../support/Certificates.ts"
import { newFolder } from "../../../support/folder.ts"

const identities = JSON.stringify([
  { san: "spiffe://prod/*", grant: { role: "publisher", environments: ["production"] } }
])

/** What a server with these authorities sees of who shows this certificate, with others behind it. */
const seenBy = async (folder: string, ca: string, issued: Issued, others: string) => {
  const own = makeCertificates(folder)
  let saw: { readonly authorized: boolean; readonly certificate: Certificate | undefined } | undefined
  const options = { cert: readFileSync(own.certificate), key: readFileSync(own.key), ca, requestCert: true }
  const server = createServer({ ...options, rejectUnauthorized: false }, (socket) => {
    saw = { authorized: socket.authorized, certificate: certificateOf(socket) }
    socket.on("error", () => {}).end("x")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const socket = connect({
    ...{ port: (server.address() as AddressInfo).port, host: "127.0.0.1", ca: own.trusted.ca },
    ...{ cert: readFileSync(issued.certificate, "utf8") + others, key: readFileSync(issued.key) }
  }).resume()
  await new Promise((resolve, reject) => socket.once("close", resolve).once("error", reject))
  server.close()
  return saw!
}

/** An authority called as this one is, with its key's name too, and another key: nobody who goes by names tells them apart. */
const namesakeOf = (folder: string, { certificate }: Authority): string => {
  const at = (file: string) => join(folder, file)
  const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" })
  const name = openssl("x509", "-in", certificate, "-noout", "-ext", "subjectKeyIdentifier").split("\n")[1]!.trim()
  const above = `basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=${name}\n`
  writeFileSync(at("namesake.cnf"), `[req]\ndistinguished_name=dn\n[dn]\n[above]\n${above}`)
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("namesake.key")]
  const its = ["-config", at("namesake.cnf"), "-extensions", "above", "-subj", "/CN=middle", "-days", "60"]
  return openssl("req", "-x509", ...key, ...its)
}

const scene = Effect.gen(function* () {
  const { path } = yield* Effect.acquireRelease(Effect.sync(newFolder), ({ remove }) => Effect.sync(remove))
  yield* TestClock.setTime(Date.now())
  const root = new Authority(path, "root")
  const middle = new Authority(path, "middle", root)
  mkdirSync(join(path, "forger"))
  const forger = new Authority(join(path, "forger"), "root")
  const [ca, crl] = [join(path, "authorities.pem"), join(path, "revoked.pem")]
  const number = new X509Certificate(root.pem).serialNumber
  const twins = { forged: forger.twinOf(middle, number), renewed: root.twinOf(middle, "7777") }
  const made = Effect.fnUntraced(function* (authorities: string) {
    writeFileSync(ca, authorities)
    writeFileSync(crl, root.revoked())
    return Context.get(
      yield* Layer.build(layer({ authorities: [[ca, "TLS_CLIENT_CA"]], crl, identities })),
      Certificates
    )
  })
  const shown = (authorities: string, others: string) => Effect.promise(() => seenBy(path, authorities, issued, others))
  const issued = middle.issue("URI:spiffe://prod/a")
  return { path, root, middle, forger, twins, made, shown }
})

describe("Certificates that were forged", () => {
  it.effect(
    "CT3 XM4 who has the key of an authority that was revoked makes no other one of it that counts, whatever name and number it bears",
    () =>
      Effect.gen(function* () {
        const { path, root, middle, forger, twins, made, shown } = yield* scene
        const both = root.pem + middle.pem
        const good = yield* made(both)
        for (const others of ["", middle.pem, middle.pem + root.pem, twins.forged, twins.forged + forger.pem]) {
          const { authorized, certificate } = yield* shown(both, others)
          assert.isTrue(authorized) // OpenSSL asks its own authorities first
          assert.strictEqual(good.identify(certificate!)?.name, "x509:spiffe://prod/a") // so does the chain
        }
        // An older authority that signed the root as well may come along: it ends at the root all the same.
        const { certificate: crossed } = yield* shown(both, middle.pem + forger.twinOf(root, "9999"))
        assert.isDefined(good.identify(crossed!))
        root.revoke({ certificate: middle.certificate, key: "" })
        const late = yield* made(both)
        for (const others of ["", middle.pem, twins.forged, twins.forged + forger.pem, twins.forged + middle.pem]) {
          const { authorized, certificate } = yield* shown(both, others)
          assert.isTrue(authorized)
          assert.strictEqual(late.whyNot(certificate!), "an authority above it was revoked")
          assert.isUndefined(late.identify(certificate!))
        }
        // One of the same name with another key is above nobody.
        const { certificate: its } = yield* shown(both, "")
        const namesake = yield* made(namesakeOf(path, middle) + both)
        assert.strictEqual(namesake.whyNot(its!), "an authority above it was revoked")
        // Where the authority in between is not the server's, it counts by what was sent.
        const alone = yield* made(root.pem)
        const { certificate } = yield* shown(root.pem, middle.pem)
        assert.strictEqual(alone.whyNot(certificate!), "an authority above it was revoked")
        assert.isUndefined(alone.whyNot((yield* shown(root.pem, twins.renewed)).certificate!))
        assert.isUndefined((yield* shown(root.pem, twins.forged)).certificate)
      }).pipe(Effect.scoped),
    30_000
  )
})
