/** What a commit leaves: a version, its head, the revision that holds it. */
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import type { Configuration, Head } from "../../src/configuration/Configuration.ts"
import type { Shared } from "../../src/configuration/SharedCache.ts"
import type { Revision } from "../../src/propagation/Revision.ts"

/** Its version is its revision unless it says otherwise. */
export const configuration = (
  key: string,
  revision: number,
  { value = "", ...changed }: Partial<Configuration> = {}
): Configuration => ({
  kind: "configuration",
  key,
  environment: "production",
  version: revision,
  revision: BigInt(revision),
  value,
  valueType: "string",
  deleted: false,
  schema: null,
  strict: false,
  template: false,
  digest: digestOf(value),
  createdAt: 1,
  updatedAt: 2,
  updatedBy: "tester",
  changeLog: "",
  ...changed
})

export const head = (key: string, changed: Partial<Head> = {}): Head => ({
  key,
  environment: "production",
  version: 1,
  revision: 1n,
  digest: "d",
  deleted: false,
  strict: false,
  template: false,
  ...changed
})

/** A configuration as caches hold it. */
export const shared = (key: string, revision: number, changed: Partial<Configuration> = {}, epoch = "e1"): Shared => ({
  epoch,
  configuration: configuration(key, revision, changed)
})

export const revisionOf = (revision: number, changes: ReadonlyArray<Configuration>, epoch = "e1"): Revision => ({
  epoch,
  revision: BigInt(revision),
  changes,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  actor: "tester",
  message: "why",
  committedAt: 1_700_000_000_000
})
