/** Signatures of Ed25519 (RFC 8032), with node:crypto. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signed,
  verify as verified
} from "node:crypto"
import type { Signer } from "../../../src/access/KeyHash.ts"

/** A new private key: PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` makes one. */
export const newKey = (): string =>
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString()

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** The bytes of a PEM with one block, or of the base64 in it; undefined for any other text. */
const bytesOf = (text: string): Buffer | undefined => {
  const body = text
    .trim()
    .replace(/^-----BEGIN PRIVATE KEY-----([\s\S]*)-----END PRIVATE KEY-----$/, "$1")
    .replace(/\s/g, "")
  return BASE64.test(body) ? Buffer.from(body, "base64") : undefined
}

const attempt = <A>(make: () => A): A | undefined => {
  try {
    return make()
  } catch {
    return undefined
  }
}

const ofEd25519 = (key: KeyObject | undefined) => (key?.asymmetricKeyType === "ed25519" ? key : undefined)

/** Undefined: it is no private key of Ed25519. */
export const signerOf = (privateKey: string): Signer | undefined => {
  const der = bytesOf(privateKey)
  const key = ofEd25519(der && attempt(() => createPrivateKey({ key: der, format: "der", type: "pkcs8" })))
  if (key === undefined) return undefined
  const spki = createPublicKey(key).export({ type: "spki", format: "der" })
  return {
    id: createHash("sha256").update(spki).digest("hex").slice(0, 16),
    publicKey: spki.toString("base64"),
    sign: (text) => signed(null, Buffer.from(text, "utf8"), key).toString("base64url")
  }
}

/** Public keys that are ready for use; a node meets few. */
const KEPT = 64
const ready = new Map<string, KeyObject>()

const publicKeyOf = (spki: string): KeyObject | undefined => {
  const known = ready.get(spki)
  if (known !== undefined) return known
  const made = ofEd25519(
    attempt(() => createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" }))
  )
  if (made === undefined) return undefined
  if (ready.size >= KEPT) ready.clear()
  ready.set(spki, made)
  return made
}

/** One signature has one spelling. */
export const verifies = (publicKey: string, text: string, signature: string): boolean => {
  const bytes = Buffer.from(signature, "base64url")
  const key = bytes.toString("base64url") === signature ? publicKeyOf(publicKey) : undefined
  return key !== undefined && attempt(() => verified(null, Buffer.from(text, "utf8"), key, bytes)) === true
}
