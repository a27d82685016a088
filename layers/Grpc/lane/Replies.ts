/** What a call is answered with, beside its messages: header blocks that are made once where all calls have the same. Pure. */
import type { CallStatus, Fields } from "../../../src/edge/grpc/ServerCall.ts"
import { headersFrame } from "./Frames.ts"
import { encodeBlock, type Header, sizeOf } from "./Hpack.ts"

const OK = 0

const RESPONSE: ReadonlyArray<Header> = [
  [":status", "200"],
  ["content-type", "application/grpc+proto"]
]
/** What requests may be packed with: nothing. D3 */
const UNPACKED: Header = ["grpc-accept-encoding", "identity"]

/** Names that belong to the transport, whatever a handler says. */
const OURS = /^(:|grpc-status$|grpc-message$|content-type$|te$|connection$)/

const listOf = (fields: Fields): Array<Header> => {
  const list: Array<Header> = []
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || OURS.test(name)) continue
    for (const one of Array.isArray(value) ? value : [value]) list.push([name.toLowerCase(), `${one}`])
  }
  return list
}

/** As gRPC encodes a message in a header. */
export const escaped = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[^\x20-\x24\x26-\x7e]/gu, (char) =>
      [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")
    )

const blocks = new Map<string, Buffer>()
/** Few calls say anything else than that they are well. */
const KEPT = 64
const blockOf = (list: ReadonlyArray<Header>): Buffer => {
  const id = JSON.stringify(list)
  let block = blocks.get(id)
  if (block === undefined) {
    block = encodeBlock(list)
    if (blocks.size < KEPT && block.length < 256) blocks.set(id, block)
  }
  return block
}

export const responseHeaders = (id: number, fields: Fields): Buffer =>
  headersFrame(id, blockOf([...RESPONSE, UNPACKED, ...listOf(fields)]), false)

/** `begun`: the headers were sent. What the peer's list does not hold is left out: metadata first, then the message. */
export const trailers = (id: number, status: CallStatus, begun: boolean, maxList: number): Buffer => {
  const always: ReadonlyArray<Header> = [...(begun ? [] : RESPONSE), ["grpc-status", String(status.code)]]
  const message: ReadonlyArray<Header> =
    status.code === OK || status.details === "" ? [] : [["grpc-message", escaped(status.details)]]
  const all = [...always, ...message, ...listOf(status.trailers ?? {})]
  const fits = (list: ReadonlyArray<Header>) => list.reduce((sum, header) => sum + sizeOf(header), 0) <= maxList
  const list = fits(all) ? all : fits([...always, ...message]) ? [...always, ...message] : always
  // What a caller's text may be part of is not kept.
  return headersFrame(id, message.length === 0 ? blockOf(list) : encodeBlock(list), true)
}

/** To whoever speaks HTTP/2 and not gRPC. */
export const notGrpc = (id: number, status: number, length: number): Buffer =>
  headersFrame(
    id,
    encodeBlock([
      [":status", String(status)],
      ["content-type", "text/plain"],
      ["content-length", String(length)]
    ]),
    false
  )
