import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { ENTRIES, namedIn, readRevocations } from "../../../layers/Sockets/Revocations.ts"
import { Authority } from "../../support/Authority.ts"
import { newFolder } from "../../support/folder.ts"

const folder = newFolder()
afterAll(() => folder.remove())
const [own, other] = [new Authority(folder.path, "own"), new Authority(folder.path, "other")]
const [good, bad] = [own.issue("DNS:a"), own.issue("DNS:b")]
own.revoke(bad)
const list = own.revoked()
const known = [new X509Certificate(own.pem)]
const idOf = (file: string) => namedIn(new X509Certificate(readFileSync(file)).raw).id
const bodyOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64")
const pemOf = (der: Buffer) => `-----BEGIN X509 CRL-----\n${der.toString("base64")}\n-----END X509 CRL-----\n`

describe("Revocations", () => {
  it("CR1 a certificate on the list of its authority is revoked, and no other: not one with its number of another authority", () => {
    const read = readRevocations(list, known)
    assert.isTrue(read.has(idOf(bad.certificate)))
    assert.isFalse(read.has(idOf(good.certificate)))
    other.issue("DNS:first")
    assert.isFalse(read.has(idOf(other.issue("DNS:same-number").certificate)))
    assert.strictEqual(read.size, 1)
    assert.isAbove(read.until, Date.now())
  })

  it("CR1 a list of an authority that is not known, or that somebody changed, is refused, and so is the file that it is in", () => {
    assert.throws(() => readRevocations(list, [new X509Certificate(other.pem)]), /no authority that the server knows/)
    const der = bodyOf(list)
    const changed = Buffer.from(der)
    changed[changed.length - 3]! ^= 1
    assert.throws(() => readRevocations(pemOf(changed), known), /not of the authority/)
    assert.throws(() => readRevocations(`${list}${other.revoked()}`, known), /no authority/)
    assert.strictEqual(readRevocations(`${list}${other.revoked()}`, [...known, new X509Certificate(other.pem)]).size, 1)
  })

  it("CR2 a list of changes, or of a part, is refused", () => {
    for (const [section, told] of [
      ["deltaCRL = critical,DER:020101", /changes of another list/],
      [
        "issuingDistributionPoint = critical,@idp\n[idp]\nfullname = URI:http://a.example/crl\nonlyuser = TRUE",
        /some certificates only/
      ]
    ] as const) {
      const config = join(folder.path, "own", "partial")
      const base = readFileSync(join(folder.path, "own", "config"), "utf8")
      const [name, ...rest] = section.split(" = ")
      const asOid = name === "deltaCRL" ? "2.5.29.27" : name
      writeFileSync(config, `${base}[partial]\n${asOid} = ${rest.join(" = ")}\n`)
      const out = join(folder.path, "own", "partial.pem")
      execFileSync("openssl", ["ca", "-config", config, "-gencrl", "-crlexts", "partial", "-out", out], {
        stdio: "pipe"
      })
      assert.throws(() => readRevocations(readFileSync(out, "utf8"), known), told)
    }
  })

  it("XD1 a file that is cut anywhere is refused, whatever is left of it", () => {
    for (let length = 0; length < list.length - 1; length += 7)
      assert.throws(() => readRevocations(list.slice(0, length), known))
    const der = bodyOf(list)
    for (let length = 0; length < der.length; length++)
      assert.throws(() => readRevocations(pemOf(der.subarray(0, length)), known))
    assert.throws(() => readRevocations(pemOf(Buffer.concat([der, Buffer.from([5, 0])])), known), /goes on/)
    for (let at = 0; at < der.length; at++) {
      const changed = Buffer.from(der)
      changed[at]! ^= 0x55
      assert.throws(() => readRevocations(pemOf(changed), known))
    }
    assert.isAbove(ENTRIES, 1_000)
  })
})
