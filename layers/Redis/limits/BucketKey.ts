/** What a bucket is called in Redis. EC1 in Limits.ts */
import { createHash } from "node:crypto"

/** In braces, so that the two keys of a bucket are in one slot of a cluster. EC1 */
export const keyOf = (of: string, name: string): string =>
  `{${of}:${createHash("sha256").update(name).digest("base64url").slice(0, 22)}}`
