import { generateKeyPairSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { newKey, signerOf, verifies } from "../../../../layers/Crypto/access/Ed25519.ts"

/** RFC 8032, 7.1: the first two. */
const vectors = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "r",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
  ]
] as const
const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64")

describe("Ed25519", () => {
  for (const [seed, publicKey, text, signature] of vectors)
    it(`AC5 signs ${JSON.stringify(text)} as RFC 8032 says`, () => {
      const key = signerOf(base64(`302e020100300506032b657004220420${seed}`))!

      assert.strictEqual(key.publicKey, base64(`302a300506032b6570032100${publicKey}`))
      assert.strictEqual(key.sign(text), Buffer.from(signature, "hex").toString("base64url"))
      assert.isTrue(verifies(key.publicKey, text, key.sign(text)))
    })

  it("AC5 a signature is for one text, one key and one spelling", () => {
    const [key, other] = [signerOf(newKey())!, signerOf(newKey())!]
    const signature = key.sign("text")

    assert.isTrue(verifies(key.publicKey, "text", signature))
    assert.isFalse(verifies(key.publicKey, "Text", signature))
    assert.isFalse(verifies(other.publicKey, "text", signature))
    assert.notStrictEqual(key.id, other.id)
    for (const wrong of ["", "x", `${signature}=`, signature.slice(1), Buffer.alloc(64).toString("base64url")])
      assert.isFalse(verifies(key.publicKey, "text", wrong), wrong)
    // The last sign has four bits that say nothing.
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    const spelled = `${signature.slice(0, -1)}${last[last.indexOf(signature.at(-1)!) + 1]}`
    assert.deepStrictEqual(Buffer.from(spelled, "base64url"), Buffer.from(signature, "base64url"))
    assert.isFalse(verifies(key.publicKey, "text", spelled))
    for (const none of ["", "nonsense", base64("00"), key.publicKey.slice(0, -8)])
      assert.isFalse(verifies(none, "text", signature), none)
  })

  it("AC5 a key is read as PEM and as what stands in one, and nothing else is a key", () => {
    const pem = newKey()
    const body = pem.split("\n").slice(1, -2).join("")

    assert.strictEqual(signerOf(body)?.id, signerOf(pem)?.id)
    assert.strictEqual(signerOf(`${pem}\n\n`)?.id, signerOf(pem)?.id)
    const of = (type: "x25519" | "ed448") =>
      generateKeyPairSync(type as "ed25519")
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString()
    const spki = signerOf(pem)!.publicKey
    for (const wrong of ["", "hot", body.slice(4), spki, of("x25519"), of("ed448")]) assert.isUndefined(signerOf(wrong))
  })
})
