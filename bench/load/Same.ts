/** The update that peers send: the same fields as Herald's. */
import { randomUUID } from "node:crypto"
import { ConfigUpdate } from "../../proto/generated/herald/distribution/v1/distribution.ts"

export const epoch = randomUUID()

export const encode = (update: Partial<ConfigUpdate>): Buffer =>
  Buffer.from(ConfigUpdate.encode(ConfigUpdate.fromPartial(update)).finish())

export const updateOf = (key: string, version: number, value: unknown): Buffer =>
  encode({
    configId: `production/${key}`,
    key,
    version: BigInt(version),
    format: "json",
    content: Buffer.from(JSON.stringify(value)),
    environment: "production",
    revision: BigInt(version),
    epoch,
    digest: "0".repeat(64),
    committedAtMs: BigInt(Date.now())
  })
