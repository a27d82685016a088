/**
 * Reads a message of the topic. Anybody may write to the topic, so nothing is believed unchecked. Pure.
 *
 *   RD1  What can't be an event of Herald is refused with a reason, whatever bytes it is made of; nothing that passes is refused later for
 *        its characters (NUL, half a surrogate pair) or its size. Names have no control characters.
 *   RD2  A change of a kind that this node does not know is an event like others: a newer node told of it.
 */
import { Option, Result, Schema } from "effect"
import { MESSAGE } from "../commits/Request.ts"
import { CLIENT_NAME_LENGTH } from "../keys/ClientName.ts"
import { wrongEnvironment } from "../keys/Environment.ts"
import { KEY_LENGTH, wrongKey } from "../keys/Key.ts"
import { clientTypes, isUpdate, type UpdateType } from "../outbox/Event.ts"
import { Fitting, Plain } from "../text/Plain.ts"
import { ValueType } from "../values/ValueType.ts"

export interface Received {
  readonly partition: number
  readonly offset: string
  /** Milliseconds since 1970, by the publisher's clock. */
  readonly at: number
  readonly key: Uint8Array | null
  readonly body: Uint8Array | null
  readonly headers: Readonly<Record<string, string>>
}

/** Bytes. Herald's own events have at most 4 KiB. */
export const MAX_BODY = 65_536

const isClean = (text: string) => text.isWellFormed() && !text.includes("\u0000")
const text = (max: number) => Schema.String.check(Schema.isMaxLength(max), Schema.makeFilter(isClean))
const Timestamp = text(40).check(Schema.makeFilter((value) => !Number.isNaN(Date.parse(value))))

/** Of every kind. */
const changed = {
  service_name: Plain(KEY_LENGTH),
  instance_id: Schema.Literal(""),
  version: Schema.Int.check(Schema.isGreaterThan(0)),
  timestamp: Timestamp,
  key: Fitting(wrongKey),
  environment: Fitting(wrongEnvironment),
  epoch: Plain(64),
  revision: Schema.String.check(Schema.isPattern(/^\d{1,19}$/)),
  deleted: Schema.Boolean,
  digest: Plain(128),
  actor: text(512),
  message: text(MESSAGE),
  about: Schema.optionalKey(Schema.Array(Fitting(wrongKey)))
}
const ConfigUpdate = Schema.Struct({
  ...changed,
  event_type: Schema.Literal("config_update"),
  value_type: ValueType
})
/** RD2, EV9 */
const Update = Schema.Struct({
  ...changed,
  event_type: Schema.String.check(
    Schema.makeFilter((type) => isUpdate(type) && type !== "config_update")
  ) as Schema.Codec<UpdateType, string>,
  version: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  value_type: Plain(32)
})
export type Changed = typeof ConfigUpdate.Type | typeof Update.Type

const ClientCameOrWent = Schema.Struct({
  event_type: Schema.Literals(clientTypes),
  service_name: Plain(CLIENT_NAME_LENGTH),
  instance_id: Plain(CLIENT_NAME_LENGTH),
  version: Schema.Null,
  timestamp: Timestamp,
  environment: Fitting(wrongEnvironment),
  node: Plain(256),
  reason: Plain(256)
})
export type ClientCameOrWent = typeof ClientCameOrWent.Type

const Known = Schema.Union([ConfigUpdate, Update, ClientCameOrWent])
const isKnown = (type: string) => isUpdate(type) || clientTypes.some((one) => one === type)

export interface Arrived {
  /** `ce_id`: events with the same id are the same event. */
  readonly id: string
  readonly event: Changed | ClientCameOrWent
  /** The message's value, as text. */
  readonly body: string
  readonly traceparent: string
  /** For a dead letter that was put back into the topic: the group that it is for, and its target. docs/events.md */
  readonly replayed: { readonly group: string; readonly target: string } | undefined
  readonly received: Received
}

/** Why a message can never be handled. */
export type Unfit = {
  readonly reason: "too_large" | "unreadable" | "unknown_type" | "wrong_shape"
  readonly why: string
}

const ID = /^[\x21-\x7e]{1,512}$/
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
const utf8 = new TextDecoder("utf-8", { fatal: true })
const decode = Schema.decodeUnknownOption(Known)

const parsed = (body: Uint8Array): { readonly body: string; readonly value: unknown } | undefined => {
  try {
    const text = utf8.decode(body)
    return { body: text, value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** RD1 */
export const read = (received: Received): Result.Result<Arrived, Unfit> => {
  const { body, headers } = received
  if (body !== null && body.length > MAX_BODY)
    return Result.fail({ reason: "too_large", why: `${body.length} bytes, at most ${MAX_BODY}` })
  const found = body === null ? undefined : parsed(body)
  const value = found?.value
  if (found === undefined || typeof value !== "object" || value === null)
    return Result.fail({ reason: "unreadable", why: "the value is no JSON object in UTF-8" })
  const type = (value as { event_type?: unknown }).event_type
  if (typeof type === "string" && !isKnown(type))
    return Result.fail({
      reason: "unknown_type",
      why: `the event_type ${JSON.stringify(type.slice(0, 64))} is not known`
    })
  const id = headers["ce_id"] ?? ""
  if (!ID.test(id)) return Result.fail({ reason: "wrong_shape", why: "the header ce_id is missing or not an id" })
  const event = decode(value)
  if (Option.isNone(event))
    return Result.fail({ reason: "wrong_shape", why: "fields are not as schema/asyncapi.yaml says" })
  const group = headers["dead_group"]
  return Result.succeed({
    id,
    event: event.value,
    body: found.body,
    traceparent: TRACEPARENT.test(headers["traceparent"] ?? "") ? headers["traceparent"]! : "",
    replayed: group === undefined ? undefined : { group, target: headers["dead_target"] ?? "" },
    received
  })
}
