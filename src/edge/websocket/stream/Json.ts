/**
 * The messages of the WebSocket `/v1/stream` as text: protobuf's JSON (https://protobuf.dev/programming-guides/json/), with names in lowerCamelCase.
 *
 *   YB1  What is no such message is refused by the name of what is wrong, and nothing of it is read as something else.
 *   YB8  Acks and heartbeats, which come with every change, are read without looking at all that a message may be, and are what they would be then.
 */
import { Result, Schema } from "effect"
import {
  type Ack,
  AckOutcome,
  ReportHealthRequest,
  SubscribeRequest
} from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { StreamResponse } from "../../../../proto/generated/herald/distribution/v1/stream.ts"
import { ReportRequest } from "../../../../proto/generated/herald/reporting/v1/reporting.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { MOST_LABELS } from "../../../keys/ClientName.ts"
import { MOST_PATTERNS } from "../../../keys/Pattern.ts"
import { schemaFailure } from "../../http/Problem.ts"
import type { Said } from "./Envelope.ts"

/** Of one message; how many of each its handler takes is said by that. G8 */
const ENTRIES = 10_000

const optional = Schema.optionalKey
/** Half a character would arrive as another. */
const Whole = Schema.String.check(Schema.makeFilter((said) => said.isWellFormed() || "well-formed Unicode"))
const Text = optional(Whole)
const listOf = <S extends Schema.Top>(item: S, most = ENTRIES) =>
  optional(Schema.Array(item).check(Schema.isMaxLength(most)))
/** A whole number of 64 bits: as text, or as a number that is exact. */
const whole = (least: bigint, most: bigint) =>
  optional(
    Schema.Union([
      Schema.String.check(
        Schema.makeFilter((said) =>
          /^-?\d{1,20}$/.test(said) && BigInt(said) >= least && BigInt(said) <= most
            ? undefined
            : `a whole number from ${least} to ${most}`
        )
      ),
      Schema.Int.check(Schema.makeFilter((said) => BigInt(said) >= least || `at least ${least}`))
    ])
  )
const Unsigned = whole(0n, 2n ** 64n - 1n)
const Signed = whole(-(2n ** 63n), 2n ** 63n - 1n)
const Small = optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 })))
const oneOf = <const Names extends ReadonlyArray<string>>(...names: Names) =>
  optional(Schema.Union([Schema.Literals(names), Schema.Literals(names.map((_, number) => number))]))
const Base64 = optional(
  Schema.String.check(Schema.makeFilter((said) => /^[A-Za-z0-9+/_-]*={0,2}$/.test(said) || "base64"))
)

const Subscribe = Schema.Struct({
  ...{ serviceName: Text, instanceId: Text, environment: Text, version: Signed },
  metadata: optional(Schema.Record(Whole, Whole).check(Schema.isMaxProperties(MOST_LABELS))),
  keys: listOf(Whole, MOST_PATTERNS),
  position: optional(Schema.Struct({ epoch: Text, revision: Unsigned })),
  held: listOf(Schema.Struct({ key: Text, digest: Text, revision: Unsigned, sha256: Base64 })),
  acks: listOf(
    Schema.Struct({
      ...{ key: Text, revision: Unsigned, reason: Text, epoch: Text },
      outcome: oneOf("ACK_OUTCOME_UNSPECIFIED", "ACK_OUTCOME_APPLIED", "ACK_OUTCOME_REJECTED")
    })
  ),
  acceptsDelta: optional(Schema.Boolean),
  control: optional(Schema.Boolean),
  heartbeat: optional(Schema.Boolean),
  heldMore: optional(Schema.Boolean)
})

const Health = Schema.Struct({
  ...{ serviceName: Text, instanceId: Text, environment: Text, epoch: Text, revision: Unsigned, message: Text },
  health: oneOf("HEALTH_UNSPECIFIED", "HEALTH_HEALTHY", "HEALTH_DEGRADED", "HEALTH_UNHEALTHY"),
  metrics: optional(Schema.Record(Whole, Schema.Number).check(Schema.isMaxProperties(64)))
})

const Report = Schema.Struct({
  ...{ batchId: Text, environment: Text, sdk: Text },
  evaluations: listOf(
    Schema.Struct({
      ...{ flag: Text, variant: Text, version: Small, reason: Text, errorCode: Text, count: Unsigned },
      lastAtMs: Signed
    })
  ),
  exposures: listOf(Schema.Struct({ flag: Text, variant: Text, version: Small, unit: Text, atMs: Signed })),
  tracks: listOf(
    Schema.Struct({ name: Text, unit: Text, value: optional(Schema.Number), atMs: Signed, detailsJson: Text })
  )
})

const said = {
  hello: Schema.Struct({ token: Text }),
  subscribe: Subscribe,
  health: Health,
  report: Report
} as const
type Name = keyof typeof said
const decoders = Object.fromEntries(
  Object.entries(said).map(([name, schema]) => [
    name,
    Schema.decodeUnknownResult(Schema.Struct({ id: Small, [name]: schema }) as unknown as Schema.Codec<unknown>, {
      onExcessProperty: "error"
    })
  ])
)

const bytesOf: Readonly<Record<Exclude<Name, "hello">, (json: unknown) => Uint8Array>> = {
  subscribe: (json) => SubscribeRequest.encode(SubscribeRequest.fromJSON(json)).finish(),
  health: (json) => ReportHealthRequest.encode(ReportHealthRequest.fromJSON(json)).finish(),
  report: (json) => ReportRequest.encode(ReportRequest.fromJSON(json)).finish()
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

const invalid = (message: string) => failure("InvalidInput", message)

const outcomes = new Map([
  ["ACK_OUTCOME_UNSPECIFIED", AckOutcome.ACK_OUTCOME_UNSPECIFIED],
  ["ACK_OUTCOME_APPLIED", AckOutcome.ACK_OUTCOME_APPLIED],
  ["ACK_OUTCOME_REJECTED", AckOutcome.ACK_OUTCOME_REJECTED]
])
/** Digits that are less than 2^64 whatever they are. */
const DIGITS = /^\d{1,19}$/

const ackIn = (said: unknown): Ack | undefined => {
  if (typeof said !== "object" || said === null) return undefined
  const { key, revision, outcome, epoch = "", reason = "", ...more } = said as Readonly<Record<string, unknown>>
  const its = outcomes.get(outcome as string)
  for (const _ in more) return undefined
  return its !== undefined &&
    typeof key === "string" &&
    typeof epoch === "string" &&
    typeof reason === "string" &&
    typeof revision === "string" &&
    DIGITS.test(revision) &&
    [key, epoch, reason].every((text) => text.isWellFormed())
    ? { key, epoch, reason, outcome: its, revision: BigInt(revision) }
    : undefined
}

/** What every client says again and again, acks and that it is there, as they say it; undefined: it has to be looked at in full. YB8 */
const quick = (json: object): SubscribeRequest | undefined => {
  const { subscribe, ...beside } = json as { readonly subscribe?: unknown }
  if (typeof subscribe !== "object" || subscribe === null) return undefined
  for (const _ in beside) return undefined
  const { acks = [], heartbeat = false, ...more } = subscribe as Readonly<Record<string, unknown>>
  for (const _ in more) return undefined
  if (typeof heartbeat !== "boolean" || !Array.isArray(acks) || acks.length > ENTRIES) return undefined
  const read: Array<Ack> = []
  for (const one of acks) {
    const ack = ackIn(one)
    if (ack === undefined) return undefined
    read.push(ack)
  }
  return { ...nothing, heartbeat, acks: read }
}
const nothing = SubscribeRequest.fromPartial({})

/** Bytes of a message that is remembered. */
const REMEMBERED = 1_024
/** The last of those that are read so: all who were sent a change say the same. */
let last = { said: Buffer.alloc(0), bytes: Buffer.alloc(0) }

/** YB1, YB8 */
export const saidInJson = (bytes: Buffer): Said | HeraldError => {
  if (bytes.equals(last.said)) return { is: "subscribe", id: 0, bytes: Buffer.from(last.bytes) }
  let json: unknown
  try {
    json = JSON.parse(bytes.toString())
  } catch {
    return invalid("the message is no JSON")
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return invalid("the message is no JSON object")
  const soon = quick(json)
  if (soon !== undefined) {
    const its = bufferOf(SubscribeRequest.encode(soon).finish())
    if (bytes.length <= REMEMBERED) last = { said: Buffer.from(bytes), bytes: Buffer.from(its) }
    return { is: "subscribe", id: 0, bytes: its }
  }
  const named = Object.keys(said).filter((name) => Object.hasOwn(json, name))
  const [name] = named as Array<Name>
  if (name === undefined || named.length > 1)
    return invalid(`a message has one of ${Object.keys(said).join(", ")}, and beside it an id at most`)
  const decoded = decoders[name]!(json)
  if (Result.isFailure(decoded)) return schemaFailure("message", decoded.failure)
  const { id = 0, [name]: content } = json as { readonly id?: number } & Readonly<Record<Name, unknown>>
  if (name === "hello") return { is: "hello", token: (content as { readonly token?: string }).token ?? "" }
  return { is: name, id, bytes: bufferOf(bytesOf[name](content)) }
}

/** What the server says, in JSON. */
export const jsonOf = (message: StreamResponse): string => JSON.stringify(StreamResponse.toJSON(message))
