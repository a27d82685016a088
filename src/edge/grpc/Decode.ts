/**
 * Bytes → messages, of callers that are known by now.
 *
 *   G8  How many entries a message has is counted in its bytes, before an object is made of any of them.
 *   G9  Bytes that are no message of this protocol are the caller's fault: INVALID_ARGUMENT, never INTERNAL.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire"
import {
  HeartbeatRequest,
  ReportHealthRequest,
  SubscribeRequest
} from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { limits } from "../../configuration/Configuration.ts"
import { failure, HeraldError } from "../../errors/HeraldError.ts"

/** Bytes of one message. Clients send what is more in several. */
export const MESSAGE_BYTES = 262_144
/** Entries of one message. */
const ENTRIES = 10_000
const METRICS = 64

/** The most that each repeated field may hold, by its number in the proto file. */
type Counts = Readonly<Record<number, readonly [name: string, max: number, noun: string]>>

const invalid = (message: string) => failure("InvalidInput", message)

/** G8 */
const tooMany = (bytes: Uint8Array, counts: Counts): HeraldError | undefined => {
  const reader = new BinaryReader(bytes)
  const seen: Record<number, number> = {}
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (type === WireType.StartGroup || type === WireType.EndGroup)
      return invalid("groups are not part of the protocol")
    reader.skip(type, field)
    if (counts[field] !== undefined) seen[field] = (seen[field] ?? 0) + 1
  }
  for (const [field, n] of Object.entries(seen)) {
    const [name, max, noun] = counts[Number(field)] ?? ["", 0, ""]
    if (n > max) return invalid(`${name} has ${n} ${noun}, at most ${max} are allowed`)
  }
  return undefined
}

const decoder =
  <A>(type: { readonly decode: (bytes: Uint8Array) => A }, counts: Counts) =>
  (bytes: Uint8Array): A | HeraldError => {
    try {
      return tooMany(bytes, counts) ?? type.decode(bytes)
    } catch {
      return invalid("the message is not one of herald.distribution.v1: its bytes can't be read")
    }
  }

export const subscribeRequest = decoder(SubscribeRequest, {
  4: ["metadata", limits.labels, "entries"],
  6: ["keys", limits.patterns, "patterns"],
  8: ["held", ENTRIES, "entries"],
  11: ["acks", ENTRIES, "entries"]
})
export const reportHealthRequest = decoder(ReportHealthRequest, { 7: ["metrics", METRICS, "entries"] })
export const heartbeatRequest = decoder(HeartbeatRequest, {})

/** For the service's definition: messages stay bytes until their caller is known. */
export const asBytes = (bytes: Buffer): Buffer => bytes

export const isFailure = (decoded: unknown): decoded is HeraldError => decoded instanceof HeraldError
