/** SHA-256 with node:crypto. */
import { createHash } from "node:crypto"
import { Layer } from "effect"
import { Digest } from "../../../src/values/Digest.ts"

export const digestOf = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

export const layer = Layer.succeed(Digest, digestOf)
