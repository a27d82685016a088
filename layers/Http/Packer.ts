/** Compresses answers with zlib, in the threads of the platform. PZ2 */
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import { Effect, Layer } from "effect"
import { type Coding, Packer } from "../../src/edge/http/Packing.ts"

/** Answers that are being compressed: half of the platform's threads, which read files and resolve names as well. */
const AT_ONCE = 2

const inGzip = promisify(gzip)
const inBrotli = promisify(brotliCompress)
/** At fast levels, as an answer is made and read once. */
const codings: Readonly<Record<Coding, (bytes: Uint8Array) => Promise<Uint8Array>>> = {
  gzip: (bytes) => inGzip(bytes, { level: 4 }),
  br: (bytes) => inBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })
}

export const layer = Layer.sync(Packer, () => {
  let under = 0
  return (bytes, coding) =>
    Effect.suspend(() => {
      if (under >= AT_ONCE) return Effect.undefined
      under++
      return Effect.promise(() =>
        codings[coding](bytes)
          .catch(() => undefined)
          .finally(() => under--)
      )
    })
})
