/** What a server says to a client. */

import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { type ConfigUpdate, UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"

export const value = (key: string, revision: number, content: unknown, more: Partial<ConfigUpdate> = {}) => {
  const text = JSON.stringify(content)
  return {
    key,
    version: BigInt(revision),
    revision: BigInt(revision),
    epoch: "e1",
    format: "json",
    content: Buffer.from(text),
    digest: digestOf(text),
    ...more
  } satisfies Partial<ConfigUpdate>
}

export const deleted = (key: string, revision: number, epoch = "e1") => ({
  key,
  revision: BigInt(revision),
  epoch,
  kind: UpdateKind.UPDATE_KIND_DELETED
})

export const synced = (revision: number, more: Partial<ConfigUpdate> = {}) => ({
  kind: UpdateKind.UPDATE_KIND_SYNCED,
  epoch: "e1",
  revision: BigInt(revision),
  ...more
})

export const delta = (key: string, revision: number, base: unknown, patch: ReadonlyArray<object>, after: unknown) =>
  value(key, revision, after, {
    content: Buffer.from(JSON.stringify(patch)),
    deltaBase: digestOf(JSON.stringify(base))
  })
