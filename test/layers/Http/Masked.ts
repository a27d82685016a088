/** Frames as clients send them. */
import { randomBytes } from "node:crypto"
import { frame } from "../../../src/edge/websocket/Frame.ts"

export const masked = (opcode: number, payload: Uint8Array, { last = true, mask = randomBytes(4) } = {}) => {
  const plain = frame(opcode, payload, last)
  const head = plain.length - payload.length
  const body = Buffer.from(payload.map((byte, i) => byte ^ mask[i & 3]!))
  plain[1]! |= 128
  return Buffer.concat([plain.subarray(0, head), mask, body])
}
export const text = (said: string, options = {}) => masked(1, Buffer.from(said), options)
