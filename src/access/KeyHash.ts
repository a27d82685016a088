/** Port: the cryptography of API keys. Synchronous; never fails. */
import { Context } from "effect"

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
  }
>()("herald/access/KeyHash") {}
