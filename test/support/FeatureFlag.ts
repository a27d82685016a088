import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import type { FeatureFlag } from "../../src/flags/FeatureFlag.ts"

/** A flag as a node has it; its version is its revision. */
export const featureFlag = (key: string, revision: number, changed: Partial<FeatureFlag> = {}): FeatureFlag => {
  const definition = changed.deleted === true ? "" : '{ "enabled": true, "percentage": 25 }'
  return {
    kind: "flag",
    environment: "production",
    key,
    revision: BigInt(revision),
    version: revision,
    definition,
    deleted: false,
    digest: definition === "" ? "" : digestOf(definition),
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
    updatedBy: "ada",
    message: "why",
    ...changed
  }
}
