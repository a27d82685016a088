/**
 * Makes text fit into trailers of a call: grpc-java takes 8 KB of headers in all. Pure.
 *
 *   ZQ2  What is said of a failure fits into headers in whatever letters it is: `MESSAGE` bytes as gRPC escapes them, where each byte beyond ASCII is three.
 *        It is cut between characters, and what to do about it stays.
 */

/** Bytes of a message as it is escaped. */
export const MESSAGE = 2_048
const CUT = "..."

const PLAIN = /^[A-Za-z0-9;,/?:@&=+$\-_.!~*'()#]$/

/** As the servers of this door escape it, at most: one escapes spaces and quotes, the other doesn't. */
const escapedSize = (char: string): number => (PLAIN.test(char) ? 1 : 3 * Buffer.byteLength(char))

const cutTo = (text: string, most: number, sizeOf: (char: string) => number): string => {
  let [size, kept, at] = [0, 0, 0]
  for (const char of text) {
    size += sizeOf(char)
    if (size > most) return `${text.slice(0, kept)}${CUT}`
    at += char.length
    if (size <= most - CUT.length) kept = at
  }
  return text
}

/** `text` and what comes behind it, which stays whole: at most `MESSAGE` bytes as they are escaped. ZQ2 */
export const inHeader = (text: string, behind: string): string => {
  let room = MESSAGE
  for (const char of behind) room -= escapedSize(char)
  return `${cutTo(text, Math.max(CUT.length, room), escapedSize)}${behind}`
}

/** At most so many bytes of UTF-8. */
export const inBytes = (text: string, most: number): string => cutTo(text, most, (char) => Buffer.byteLength(char))
