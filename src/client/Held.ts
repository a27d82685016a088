/**
 * Puts what a client holds into messages that a server takes.
 *
 *   HE1  A message has at most 200 KiB of what is held, counted in bytes, however many keys there are; all but the last say that more
 *        follows.
 */
import type { Held, SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"

/** Bytes; a server takes 256 KiB. */
export const mostBytes = 200 * 1_024

/** Bytes: tags, lengths, digest and revision take less on the wire. */
const aroundKey = 64

/** Bytes, at most: UTF-8 has no more than three for each UTF-16 unit. */
const sizeOf = ({ key, digest }: Digested): number =>
  key.length * (isAscii.test(key) ? 1 : 3) + digest.length + aroundKey
// biome-ignore lint/suspicious/noControlCharactersInRegex: of ASCII
const isAscii = /^[\u0000-\u007f]*$/

export interface Digested {
  readonly key: string
  /** SHA-256, hex. */
  readonly digest: string
  readonly revision: bigint
}

const none = new Uint8Array(0)

/**
 * `first`, which has `taken` bytes of its own, with what is held, in as many messages as that takes; `empty` makes the next ones. What fits
 * into one message goes as servers of 0.1.0 understand it, with digests in hex.
 */
export function* hello(
  first: SubscribeRequest,
  taken: number,
  held: ReadonlyArray<Digested>,
  empty: () => SubscribeRequest,
  bytesOf: (hex: string) => Uint8Array
): Generator<SubscribeRequest, void, void> {
  const together = held.reduce((sum, one) => sum + sizeOf(one), taken)
  if (together <= mostBytes) {
    yield {
      ...first,
      held: held.map(({ key, digest, revision }) => ({ key, digest, revision, sha256: none as Buffer }))
    }
    return
  }
  let message = first
  let part: Array<Held> = []
  let bytes = taken
  for (const { key, digest, revision } of held) {
    const size = sizeOf({ key, digest: "", revision })
    if (bytes + size > mostBytes) {
      yield { ...message, held: part, heldMore: true } // HE1
      message = empty()
      part = []
      bytes = 0
    }
    part.push({ key, digest: "", revision, sha256: bytesOf(digest) as Buffer })
    bytes += size
  }
  yield { ...message, held: part }
}
