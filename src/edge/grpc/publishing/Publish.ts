/**
 * Publishes one item, whatever call it came in.
 *
 *   PX1  An item is checked as the same publish over HTTP is, with the same outcome: its identity's right and rate, its schema's text, then the
 *        use case.
 *   PX2  What it costs of its principal's rate is what it costs over HTTP.
 *   PX3  It is not committed after its caller's deadline, by the database's clock as well; and not begun for a caller who left.
 */
import { type Clock, Effect } from "effect"
import type { PublishRequest, PublishResponse } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { requirePermission } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { Configurations } from "../../../configuration/Configurations.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { Workers } from "../../../work/Workers.ts"
import type { ServerCall } from "../ServerCall.ts"
import { draftOf, publishedOf, targetOf, validatedOf } from "./Wire.ts"

export const PERMISSION = "config.write"

/** Requests that a publish and a check count as, and bytes that count as one more. PX2 */
const [PUBLISH, CHECK, PER_TOKEN] = [4, 10, 4_096]

/** Of reading so many bytes, as those of a body over HTTP. */
export const costOfReading = (bytes: number): number => Math.ceil(bytes / PER_TOKEN)

/** `bytes`: of the item. PX2 */
export const costOf = ({ validateOnly }: PublishRequest, bytes: number): number =>
  (validateOnly ? CHECK : PUBLISH) + costOfReading(bytes)

export interface Asking {
  readonly identity: Identity
  /** Nanoseconds of the monotonic clock, when its caller stops to wait. */
  readonly until: bigint | undefined
}

/** Fails as `Configurations.publish`. Its rate is not counted here. */
export type Publish = (item: PublishRequest, asking: Asking) => Effect.Effect<PublishResponse, HeraldError>

export const makePublish = Effect.gen(function* () {
  const configurations = yield* Configurations
  const workers = yield* Workers

  /** The same text is no schema over HTTP. CV2, CV3 */
  const schemaOf = Effect.fnUntraced(function* (text: string) {
    const read = yield* workers.carry(Buffer.from(text), "nothing")
    return read._tag === "Carried" ? { json: read.json } : yield* failure("InvalidInput", `schema: ${read.reason}`)
  })

  const checked = Effect.fnUntraced(function* (item: PublishRequest, until: bigint | undefined) {
    const target = targetOf(item)
    yield* requirePermission(PERMISSION, target.environment, { kind: "config", key: target.key })
    const schema = item.schema === undefined || item.delete ? undefined : yield* schemaOf(item.schema)
    const draft = draftOf(item, schema)
    if (draft instanceof HeraldError) return yield* draft
    if (item.validateOnly) {
      const [found] = yield* configurations.validate([draft])
      return validatedOf(found?.clients ?? 0)
    }
    const { message, idempotencyKey } = item
    const committed = yield* configurations.publish([draft], {
      message,
      idempotencyKey: idempotencyKey === "" ? undefined : idempotencyKey,
      until // PX3
    })
    const published = publishedOf(committed, target)
    return published instanceof HeraldError ? yield* published : published
  })

  const publish: Publish = (item, { identity, until }) =>
    Effect.provideService(checked(item, until), CurrentIdentity, identity)
  return publish
})

/** When the caller of `call` stops to wait, by the monotonic clock. */
export const untilOf = (clock: Clock.Clock, call: Pick<ServerCall, "deadline">): bigint | undefined => {
  const left = call.deadline - clock.currentTimeMillisUnsafe()
  return Number.isFinite(left) ? clock.monotonicTimeNanosUnsafe() + BigInt(Math.round(left * 1e6)) : undefined
}
