/**
 * What goes over the WebSocket `/v1/stream` (proto/herald/distribution/v1/stream.proto), in binary. What is in a message stays bytes until its own handler
 * reads them. Pure.
 *
 *   YB2  An update is written once in each form, however many are sent it.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { ConfigUpdate } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { StreamResponse } from "../../../../proto/generated/herald/distribution/v1/stream.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { BINARY, frame, textFrame } from "../Frame.ts"
import { jsonOf } from "./Json.ts"

/** What a client said. */
export type Said =
  | { readonly is: "hello"; readonly token: string }
  | { readonly is: "subscribe" | "health" | "report"; readonly id: number; readonly bytes: Buffer }

const [ID, HELLO, UPDATE] = [1, 2, 3] as const
const named = new Map([
  [3, "subscribe"],
  [4, "health"],
  [5, "report"]
] as const)

const invalid = (message: string) => failure("InvalidInput", message)
const unreadable = () => invalid("the message is none of herald.distribution.v1.StreamRequest: its bytes can't be read")

const tokenIn = (bytes: Uint8Array): string => {
  const reader = new BinaryReader(bytes)
  let token = ""
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 1 && type === WireType.LengthDelimited) token = reader.string(true)
    else reader.skip(type, field)
  }
  return token
}

/** The bytes that it gives are a copy's part: nobody else has them. */
export const saidInBinary = (bytes: Buffer): Said | HeraldError => {
  let said: Said | undefined
  let id = 0
  try {
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      const name = named.get(field as 3)
      if (field === ID && type === WireType.Varint) id = reader.uint32()
      else if (type !== WireType.LengthDelimited || (field !== HELLO && name === undefined)) reader.skip(type, field)
      else {
        if (said !== undefined) return invalid("a message has one content, and this one has several")
        const content = reader.bytes()
        said =
          name === undefined
            ? { is: "hello", token: tokenIn(content) }
            : { is: name, id, bytes: Buffer.from(content.buffer, content.byteOffset, content.byteLength) }
      }
    }
  } catch {
    return unreadable()
  }
  if (said === undefined) return invalid("a message has one of hello, subscribe, health, report")
  return said.is === "hello" ? said : { ...said, id }
}

/** A message of the server as a frame. */
export const frameOf = (message: Partial<StreamResponse>, isBinary: boolean): Buffer => {
  const whole = { id: 0, told: undefined, ...message }
  return isBinary ? frame(BINARY, StreamResponse.encode(whole).finish()) : textFrame(jsonOf(whole))
}

const written = { binary: new WeakMap<Buffer, Buffer>(), json: new WeakMap<Buffer, Buffer>() }

const enveloped = (update: Buffer): Buffer => {
  const head = new BinaryWriter().tag(UPDATE, WireType.LengthDelimited).uint32(update.length).finish()
  return frame(BINARY, Buffer.concat([head, update]))
}

/** `update`: as Subscribe writes it, the same bytes for all who are sent it. YB2 */
export const updateFrame = (update: Buffer, isBinary: boolean): Buffer => {
  const kept = isBinary ? written.binary : written.json
  let made = kept.get(update)
  if (made === undefined) {
    made = isBinary
      ? enveloped(update)
      : frameOf({ told: { $case: "update", value: ConfigUpdate.decode(update) } }, false)
    kept.set(update, made)
  }
  return made
}
