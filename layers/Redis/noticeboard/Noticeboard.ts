/**
 * The board in Redis: a key a notice, which ends by itself. See docs/redis.md.
 *
 *   RW1  Notices go out together, within bounds of keys and bytes, one lot after the other: what others ask of Redis finds its place between them. What
 *        fails ends the lot, and the rest is for the next round.
 *   RW3  Names begin with what is set (REDIS_NOTICE_PREFIX), so that programs that share a Redis overwrite nothing of each other.
 *   RW2  Where Redis refuses them, as for a user who may not write there, it is said once, and nothing else is thought of Redis for that.
 */
import { Effect, Layer } from "effect"
import type { Notice } from "../../../src/noticeboard/Notice.ts"
import { Noticeboard } from "../../../src/noticeboard/Noticeboard.ts"
import { Client, type RedisAway, type RedisOptions } from "../connection/Client.ts"

/** RW1 */
const [TOGETHER, BYTES] = [100, 262_144] as const

const lotsOf = (notices: ReadonlyArray<Notice>): ReadonlyArray<ReadonlyArray<Notice>> => {
  const lots: Array<Array<Notice>> = []
  let bytes = 0
  for (const notice of notices) {
    bytes += notice.text.length
    if (lots.length === 0 || lots.at(-1)!.length >= TOGETHER || bytes > BYTES) {
      lots.push([])
      bytes = notice.text.length
    }
    lots.at(-1)!.push(notice)
  }
  return lots
}

/** `noticePrefix`: in front of all names. */
export const layer = ({ noticePrefix = "" }: Pick<RedisOptions, "noticePrefix"> = {}) =>
  Layer.effect(Noticeboard, make(noticePrefix))

const make = (prefix: string) =>
  Effect.gen(function* () {
    const { call, cluster, away } = yield* Client
    let said = false

    const put = (lot: ReadonlyArray<Notice>) =>
      call(async (redis) => {
        if (cluster)
          await Promise.all(lot.map(({ name, text, millis }) => redis.set(prefix + name, text, "PX", millis)))
        else {
          const wants = lot.map(({ name, text, millis }) => ["set", prefix + name, text, "PX", millis])
          const failed = (await redis.pipeline(wants).exec())?.find(([error]) => error !== null)
          if (failed !== undefined) throw failed[0]
        }
        said = false
      })

    /** RW2 */
    const refused = ({ refused, message }: RedisAway) => {
      if (refused !== true || said) return Effect.void
      said = true
      return Effect.logWarning("Redis takes no notices for other programs", { reason: message })
    }

    return {
      away,
      put: (notices: ReadonlyArray<Notice>) =>
        Effect.catch(Effect.forEach(lotsOf(notices), put, { discard: true }), refused)
    }
  })
