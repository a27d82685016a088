/** The cryptography of API keys and of what signs the audit log, with node:crypto. */
import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto"
import { Layer } from "effect"
import { KeyHash } from "../../../src/access/KeyHash.ts"
import { newKey, signerOf, verifies } from "./Ed25519.ts"

export const layer = Layer.succeed(
  KeyHash,
  KeyHash.of({
    random: (bytes) => randomBytes(bytes).toString("hex"),
    hash: (pepper, secret) => createHmac("sha256", pepper).update(secret).digest("hex"),
    digest: (secret) => hash("sha256", secret),
    equal: (a, b) => {
      const left = Buffer.from(a)
      const right = Buffer.from(b)
      return left.length === right.length && timingSafeEqual(left, right)
    },
    signer: (privateKey) => signerOf(privateKey ?? newKey()),
    verifies
  })
)
