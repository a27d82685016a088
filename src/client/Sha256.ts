/**
 * SHA-256 (FIPS 180-4), for where the platform has none that answers at once: browsers. Pure.
 *
 *   XK1  It gives what node:crypto gives, of whatever pieces.
 */
const primes = (): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let n = 2; found.length < 64; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
}
/** The first 32 bits of the fraction. */
const fraction = (x: number): number => ((x - Math.floor(x)) * 2 ** 32) >>> 0

let tables: { readonly k: Uint32Array; readonly first: Uint32Array } | undefined
const tablesOf = () =>
  (tables ??= {
    k: Uint32Array.from(primes(), (prime) => fraction(Math.cbrt(prime))),
    first: Uint32Array.from(primes().slice(0, 8), (prime) => fraction(Math.sqrt(prime)))
  })

const BLOCK = 64

export class Sha256 {
  readonly #state = new Uint32Array(tablesOf().first)
  readonly #block = new Uint8Array(BLOCK)
  readonly #words = new Uint32Array(64)
  #used = 0
  #bytes = 0

  add(bytes: Uint8Array): this {
    this.#bytes += bytes.length
    for (let at = 0; at < bytes.length; ) {
      const taken = Math.min(BLOCK - this.#used, bytes.length - at)
      this.#block.set(bytes.subarray(at, at + taken), this.#used)
      this.#used += taken
      at += taken
      if (this.#used === BLOCK) this.#mix()
    }
    return this
  }

  /** Lower case. To be called once. */
  hex(): string {
    const bits = BigInt(this.#bytes) * 8n
    this.#block[this.#used++] = 0x80
    if (this.#used > BLOCK - 8) {
      this.#block.fill(0, this.#used)
      this.#mix()
    }
    this.#block.fill(0, this.#used)
    new DataView(this.#block.buffer).setBigUint64(BLOCK - 8, bits)
    this.#mix()
    return [...this.#state].map((word) => word.toString(16).padStart(8, "0")).join("")
  }

  #mix(): void {
    const { k } = tablesOf()
    const [w, view, state] = [this.#words, new DataView(this.#block.buffer), this.#state]
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(i * 4)
    for (let i = 16; i < 64; i++) {
      const [x, y] = [w[i - 15]!, w[i - 2]!]
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1
    }
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i]! + w[i]!) | 0
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i]! += value
    this.#used = 0
  }
}
