/** Port: SHA-256 (hex) of the UTF-8 of a text. Synchronous: it is part of every publish and every rendered template. */
import { Context } from "effect"

export class Digest extends Context.Service<Digest, (text: string) => string>()("herald/values/Digest") {}
