/**
 * Redis pub/sub as a lane of hints, and news of each key for other programs.
 *
 *   RL1  What comes in is checked like any input; what can't be read is a gap.
 *   RL2  After each (re)connection the listener is told of a gap: what was published meanwhile is read from the log.
 */
import { Effect, Result, Schema } from "effect"
import { Configuration } from "../../src/configuration/Configuration.ts"
import { type HintLane, layerLane } from "../../src/propagation/HintLane.ts"
import type { Revision } from "../../src/propagation/Revision.ts"
import { RedisClient } from "./Client.ts"

export const CHANNEL = "herald:revisions"
/** Characters of a message; a larger revision is told by its position alone. */
const LARGEST = 524_288

const Told = Schema.toCodecJson(
  Schema.Struct({
    epoch: Schema.String,
    revision: Schema.BigInt,
    changes: Schema.Array(Configuration),
    traceparent: Schema.String,
    actor: Schema.String,
    message: Schema.String,
    committedAt: Schema.Finite
  })
)
const encode = Schema.encodeSync(Told)
const decode = Schema.decodeUnknownResult(Told)

/** RL1 */
const read = (text: string): Revision | undefined => {
  try {
    const found = decode(JSON.parse(text))
    return Result.isSuccess(found) ? found.success : undefined
  } catch {
    return undefined
  }
}

/** For other programs, on `config:updates:{key}`. */
const news = ({ epoch, revision, traceparent, committedAt }: Revision, change: Configuration) => {
  const { key, environment, version, deleted, value } = change
  const position = { key, environment, version, revision: String(revision), epoch, timestamp: committedAt, traceparent }
  return JSON.stringify(
    value.length > LARGEST ? { ...position, deleted } : { ...position, deleted, value: deleted ? null : value }
  )
}

export const layer = layerLane(
  Effect.gen(function* () {
    const { call, subscriber } = yield* RedisClient
    const lane: HintLane = {
      name: "redis",
      tell: (revision) =>
        Effect.suspend(() => {
          const whole = JSON.stringify(encode(revision))
          const { epoch } = revision
          const told = whole.length > LARGEST ? JSON.stringify({ epoch, revision: String(revision.revision) }) : whole
          return call("publish", async (redis) => {
            await Promise.all([
              redis.publish(CHANNEL, told),
              ...revision.changes.map((change) => redis.publish(`config:updates:${change.key}`, news(revision, change)))
            ])
          })
        }),
      listen: Effect.fnUntraced(function* (on) {
        const heard = (channel: string, text: string) => {
          if (channel !== CHANNEL) return
          const revision = read(text)
          if (revision === undefined) on.gap()
          else on.revision(revision)
        }
        const again = () => on.gap() // RL2
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            subscriber.on("message", heard)
            subscriber.on("ready", again)
            subscriber.on("+subscriber", again)
            subscriber.subscribe(CHANNEL).then(again, () => {})
          }),
          () =>
            Effect.sync(() => {
              subscriber.off("message", heard)
              subscriber.off("ready", again)
              subscriber.off("+subscriber", again)
            })
        )
      })
    }
    return lane
  })
)
