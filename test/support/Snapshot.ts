/** What a client keeps of what it had. */
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import type { Version } from "../../src/client/Entry.ts"
import type { Shape, Snapshot } from "../../src/client/KeptFile.ts"

export const version = (key: string, revision: number, content: string): Version => ({
  key,
  version: revision,
  revision: BigInt(revision),
  epoch: "e1",
  format: "string",
  content,
  digest: digestOf(content),
  deleted: false,
  strict: false,
  unconfirmed: false,
  source: "disk",
  traceparent: ""
})

/** Of one key. */
export const snapshot = (revision: number, content: string): Snapshot => ({
  epoch: "e1",
  revision: BigInt(revision),
  versions: [version("shop", revision, content)]
})

export const shape: Shape = { environment: "production", service: "shop", labels: {}, patterns: ["shop"] }
