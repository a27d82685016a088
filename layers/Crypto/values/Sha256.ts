/** SHA-256 in hex, with node:crypto. */
import { createHash } from "node:crypto"

export const digestOf = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")
