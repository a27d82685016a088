/** Port: the cryptography of API keys, and of what signs the audit log. Synchronous; never fails. */
import { Context } from "effect"
import type { Signing } from "./Signing.ts"

export interface Signer extends Signing {
  /** SPKI (RFC 8410) in base64. */
  readonly publicKey: string
}

export class KeyHash extends Context.Service<
  KeyHash,
  {
    /** So many bytes from a secure source, in hex. */
    readonly random: (bytes: number) => string
    /** HMAC-SHA-256(pepper, secret), hex. */
    readonly hash: (pepper: string, secret: string) => string
    /** SHA-256, hex: for what is remembered for a while, in memory. */
    readonly digest: (secret: string) => string
    /** Takes equally long wherever texts of one length differ. */
    readonly equal: (a: string, b: string) => boolean
    /**
     * Signs with this private key of Ed25519 (RFC 8032): PKCS #8 (RFC 8410), in PEM or what stands in one. Left out: with a new one that nobody
     * keeps. Undefined: it is no such key.
     */
    readonly signer: (privateKey?: string) => Signer | undefined
    /** Whether this public key (SPKI in base64) signed the text; false, too, for what is no key or no signature (base64url). */
    readonly verifies: (publicKey: string, text: string, signature: string) => boolean
  }
>()("herald/access/KeyHash") {}
