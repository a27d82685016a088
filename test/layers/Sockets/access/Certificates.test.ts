import { createHash, X509Certificate } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type CertificatesOptions, layer } from "../../../../layers/Sockets/access/Certificates.ts"
import { namedIn } from "../../../../layers/Sockets/Revocations.ts"
import { type Certificate, Certificates } from "../../../../src/access/Certificates.ts"
import { Authority } from "../../../support/Authority.ts"
import { newFolder } from "../../../support/folder.ts"

const identities = JSON.stringify([
  { san: "DNS-none", grant: { role: "admin", environments: ["*"] } },
  {
    san: "spiffe://prod/*",
    grant: { role: "publisher", environments: ["production"], keys: ["payments.*"] },
    name: "prod"
  }
])

const idOf = (pem: string) => namedIn(new X509Certificate(pem).raw).id
const derOf = (pem: string) => new X509Certificate(pem).raw
const shownBy = (
  { certificate }: { readonly certificate: string },
  ...beside: ReadonlyArray<Authority>
): Certificate => {
  const { validFrom, raw } = new X509Certificate(readFileSync(certificate))
  return {
    ...{ subjectAltNames: ["URI:spiffe://prod/a"], notBefore: Date.parse(validFrom) },
    ...{ der: raw, beside: beside.map(({ pem }) => derOf(pem)) }
  }
}
const endOf = (one: { readonly certificate: string }) =>
  Date.parse(new X509Certificate(readFileSync(one.certificate)).validTo)
const keyIdOf = (...path: ReadonlyArray<{ readonly certificate: string }>): string => {
  const pems = path.map(({ certificate }) => readFileSync(certificate, "utf8"))
  const authority = createHash("sha256")
    .update(derOf(pems.at(-1)!))
    .digest("hex")
  return `x509:${[Math.min(...path.map(endOf)), authority, ...pems.map(idOf)].join("/")}`
}

const scene = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(Effect.sync(newFolder), ({ remove }) => Effect.sync(remove))
  yield* TestClock.setTime(Date.now())
  const root = new Authority(folder.path, "root")
  const middle = new Authority(folder.path, "middle", root)
  const [ca, crl] = [join(folder.path, "authorities.pem"), join(folder.path, "revoked.pem")]
  writeFileSync(ca, root.pem + middle.pem)
  writeFileSync(crl, root.revoked() + middle.revoked())
  const made = (options: Partial<CertificatesOptions> = {}) =>
    Effect.map(Layer.build(layer({ authorities: [[ca, "TLS_CLIENT_CA"]], crl, identities, ...options })), (built) =>
      Context.get(built, Certificates)
    )
  return { root, middle, ca, crl, made }
})

/** As long as it takes until a change is taken. */
const looks = (times: number) => TestClock.adjust(`${times} seconds`)

describe("Certificates", () => {
  it.effect(
    "XN2 XM1 a rule makes a certificate somebody until it ends, and nobody once it is revoked, also of what is open",
    () =>
      Effect.gen(function* () {
        const { root, middle, crl, made } = yield* scene
        const { identify, isGood } = yield* made()
        const issued = middle.issue("URI:spiffe://prod/a", { until: Date.now() + 60_000 })
        const shown = shownBy(issued, middle, root)
        const identity = identify(shown)!
        assert.deepStrictEqual(identity, {
          ...{
            name: "x509:prod",
            keyId: keyIdOf(issued, middle, root),
            role: "publisher",
            environments: ["production"]
          },
          ...{ keys: ["payments.*"], by: "certificate", until: endOf(issued) }
        })
        assert.isUndefined(identify({ ...shown, subjectAltNames: ["URI:spiffe://test/a"] }))
        assert.isUndefined(identify({ ...shown, notBefore: Date.now() + 60_000 }))
        assert.isTrue(isGood(identity.keyId))
        middle.revoke(issued)
        writeFileSync(crl, root.revoked() + middle.revoked())
        yield* looks(1)
        assert.isTrue(isGood(identity.keyId)) // WY1: it may still be being written
        yield* looks(1)
        assert.isFalse(isGood(identity.keyId))
        assert.isUndefined(identify(shown))
        const long = middle.issue("URI:spiffe://prod/a", { until: Date.now() + 90 * 86_400_000 })
        assert.strictEqual(identify(shownBy(long))!.until, Math.min(endOf(root), endOf(middle))) // what ends first
        const other = shownBy(middle.issue("URI:spiffe://prod/a", { until: endOf(issued) }))
        const open = identify(other)!
        assert.isTrue(isGood(open.keyId))
        yield* TestClock.setTime(endOf(issued))
        assert.isUndefined(identify(other))
        assert.isFalse(isGood(open.keyId))
      }).pipe(Effect.scoped)
  )

  it.effect(
    "XM2 XM3 one is no better than what is above it: an authority in between that was revoked, or one that was removed",
    () =>
      Effect.gen(function* () {
        const { root, middle, ca, crl, made } = yield* scene
        const { identify, isGood } = yield* made()
        const shown = shownBy(middle.issue("URI:spiffe://prod/a"), middle, root)
        const { keyId } = identify(shown)!
        const text = readFileSync(crl, "utf8")
        root.revoke({ certificate: middle.certificate, key: "" })
        writeFileSync(crl, root.revoked() + middle.revoked())
        yield* looks(3)
        assert.isFalse(isGood(keyId))
        assert.isUndefined(identify(shown))
        writeFileSync(crl, text)
        yield* looks(3)
        assert.isTrue(isGood(keyId))
        assert.isTrue((yield* made()).isGood(keyId)) // of a node that never saw it
        assert.isFalse(isGood(keyId.replace(/[0-9a-f]{64}/, "0".repeat(64))))
        const other = new Authority(join(ca, ".."), "other")
        const strange = shownBy(other.issue("URI:spiffe://prod/a"), other)
        assert.isUndefined(identify(strange))
        assert.strictEqual((yield* made()).whyNot(strange), "its authority is none of this server's")
        assert.isDefined(identify(shownBy(root)))
        writeFileSync(ca, other.pem)
        writeFileSync(crl, other.revoked())
        yield* looks(3)
        assert.isFalse(isGood(keyId))
      }).pipe(Effect.scoped)
  )

  it.effect("WY1 WY2 CR4 half of a file, a list of strangers, one that ended: what was read before stays", () =>
    Effect.gen(function* () {
      const { root, middle, ca, crl, made } = yield* scene
      const { identify } = yield* made()
      const issued = middle.issue("URI:spiffe://prod/a")
      const shown = shownBy(issued, middle, root)
      middle.revoke(issued)
      const whole = root.revoked() + middle.revoked()
      for (const wrong of ["", whole.slice(0, -60), new Authority(join(ca, ".."), "stranger").revoked()]) {
        writeFileSync(crl, wrong)
        yield* looks(3)
        assert.isDefined(identify(shown))
      }
      writeFileSync(ca, readFileSync(ca, "utf8").slice(0, -40))
      yield* looks(3)
      assert.isDefined(identify(shown))
      writeFileSync(ca, root.pem + middle.pem)
      writeFileSync(crl, root.revoked() + middle.revoked(Date.now() - 1_000)) // it counts as long as there is no other
      yield* looks(3)
      assert.isUndefined(identify(shown))
      const error = yield* Effect.flip(made())
      assert.match(error.message, /TLS_CLIENT_CRL\) ended on/)
    }).pipe(Effect.scoped)
  )

  it.effect("CR3 XM1 what is wrong at the start is told by the setting that it is wrong with", () =>
    Effect.gen(function* () {
      const { ca, crl, made } = yield* scene
      const wrong = join(ca, "..", "wrong")
      writeFileSync(wrong, Buffer.alloc(8_388_609, "a"))
      for (const [options, told] of [
        [{ crl: "/none" }, "TLS_CLIENT_CRL can't be read"],
        [{ crl: wrong }, "has more than 8388608 bytes"],
        [{ crl: ca }, "(TLS_CLIENT_CRL): it has no list"],
        [{ authorities: [[crl, "TLS_CLIENT_CA"]] }, "(TLS_CLIENT_CA) has no certificate"],
        [{ authorities: [[wrong, "TLS_CLIENT_CA"]] }, "TLS_CLIENT_CA can't be read: it has more than"],
        [{ authorities: [] }, "TLS_CLIENT_CRL is given, and TLS_CLIENT_CA"],
        [{ authorities: [], crl: undefined }, "HERALD_TLS_IDENTITIES is given, and TLS_CLIENT_CA"],
        [{ identities: "[{}]" }, "HERALD_TLS_IDENTITIES: rule 1"]
      ] as const) {
        const error = yield* Effect.flip(made(options))
        assert.strictEqual(error.name, "SettingsInvalid")
        assert.include(error.message, told)
      }
      const nobody = yield* made({ authorities: [], crl: undefined, identities: undefined })
      assert.isFalse(nobody.isGood("x509:1"))
    }).pipe(Effect.scoped)
  )
})
