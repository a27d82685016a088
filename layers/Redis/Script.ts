/** A Lua script of one key: by its digest, and whole where Redis doesn't know it. */
import { createHash } from "node:crypto"
import type { Cluster, Redis } from "ioredis"

export const makeScript = (lua: string) => {
  const digest = createHash("sha1").update(lua).digest("hex")
  return async (redis: Redis | Cluster, key: string, values: ReadonlyArray<string | number>): Promise<unknown> => {
    try {
      return await redis.evalsha(digest, 1, key, ...values)
    } catch (error) {
      if (!(error as Error).message.startsWith("NOSCRIPT")) throw error
      return await redis.eval(lua, 1, key, ...values)
    }
  }
}
