/** Port: the cryptography of API keys. */
import { Context } from "effect"

export class KeyHash extends Context.Service<
  KeyHash,
  {
    /** That many bytes of a secure source, as hex. */
    readonly random: (bytes: number) => string
    /** HMAC-SHA-256(pepper, secret), hex. */
    readonly hash: (pepper: string, secret: string) => string
    /** Takes equally long wherever two texts of the same length differ. */
    readonly equal: (a: string, b: string) => boolean
  }
>()("herald/access/KeyHash") {}
