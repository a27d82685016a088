/**
 * Decodes messages of callers that are authenticated by now. The wire format: https://protobuf.dev/programming-guides/encoding/
 *
 *   G8  The entries of a message are counted in its bytes, before an object is made of any of them.
 *   G9  Bytes that are no message of this protocol are the caller's fault: INVALID_ARGUMENT, never INTERNAL.
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire"
import { failure, HeraldError } from "../../errors/HeraldError.ts"

/** Bytes of one message, at most. What is larger, clients send in several. */
export const MESSAGE_BYTES = 262_144

/** The most that each repeated field may hold, by its number in the proto file. */
export type Counts = Readonly<Record<number, readonly [name: string, max: number, noun: string]>>

const invalid = (message: string) => failure("InvalidInput", message)

/** Skips the value of a field, without making anything of it. */
const pass = (reader: BinaryReader, type: WireType): void => {
  if (type === WireType.LengthDelimited) {
    const length = reader.uint32()
    reader.pos += length
  } else if (type === WireType.Varint) reader.uint32()
  else reader.pos += type === WireType.Bit64 ? 8 : 4
  if (reader.pos > reader.len) throw new RangeError("premature end")
}

/** G8. Every message of every client goes through here, so it makes no objects, except to refuse. */
const counter = (counts: Counts) => {
  const fields = Object.entries(counts).map(([field, [name, max, noun]]) => ({ field: Number(field), name, max, noun }))
  const seen = new Uint32Array(1 + Math.max(0, ...fields.map(({ field }) => field)))
  return (reader: BinaryReader): HeraldError | undefined => {
    seen.fill(0)
    while (reader.pos < reader.len) {
      const tag = reader.uint32()
      const [field, type] = [tag >>> 3, tag & 7]
      if (type === WireType.StartGroup || type === WireType.EndGroup)
        return invalid("groups are not part of the protocol")
      if (field === 0 || type > WireType.Bit32) throw new RangeError("no tag")
      pass(reader, type)
      if (field < seen.length) seen[field]!++
    }
    for (const { field, name, max, noun } of fields)
      if (seen[field]! > max) return invalid(`${name} has ${seen[field]} ${noun}, at most ${max} are allowed`)
    return undefined
  }
}

/** Text that is not UTF-8 is refused: it would be changed silently. G9 */
class Exact extends BinaryReader {
  override string(): string {
    return super.string(true)
  }
}

/** Makes decoders for messages of a protocol, such as `herald.distribution.v1`. They return `InvalidInput` for what they can't take. G8, G9 */
export const decoderOf =
  (protocol: string) =>
  <A>(type: { readonly decode: (from: BinaryReader) => A }, counts: Counts) => {
    const tooMany = counter(counts)
    return (bytes: Uint8Array): A | HeraldError => {
      try {
        const reader = new Exact(bytes)
        const refusal = tooMany(reader)
        if (refusal !== undefined) return refusal
        reader.pos = 0
        return type.decode(reader)
      } catch {
        return invalid(`the message is not one of ${protocol}: its bytes can't be read`)
      }
    }
  }

/** Messages stay bytes until their caller is known. G5 */
export const asBytes = (bytes: Buffer): Buffer => bytes

export const isFailure = (decoded: unknown): decoded is HeraldError => decoded instanceof HeraldError
