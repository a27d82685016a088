/** Experiments and rollouts that never were, drawn by a seed and looked at again and again. Without sums: test and benchmark say what is looked at. */
import type { Sample } from "../../src/statistics/Sample.ts"

export interface Draw {
  /** From 0 to below 1. */
  readonly next: () => number
  /** How many of `n` are 1. */
  readonly hits: (n: number, p: number) => number
  readonly normal: () => number
}

/** sfc32 (C. Doty-Humphrey, PractRand): 2^128 states, so that no run comes near another's numbers. */
export const drawing = (seed: number): Draw => {
  let [a, b, c, counter] = [0x9e3779b9, 0x243f6a88, seed | 0, 1]
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }
  for (let n = 0; n < 20; n++) next()
  /** From hit to hit: as long to the next one as geometry has it. */
  const hits = (n: number, p: number): number => {
    if (p <= 0) return 0
    if (p >= 1) return n
    const rate = Math.log1p(-p)
    const gap = () => Math.floor(Math.log(1 - next()) / rate)
    let count = 0
    for (let at = gap(); at < n; at += 1 + gap()) count++
    return count
  }
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return { next, hits, normal }
}

/** A sample that grows. */
export class Growing implements Sample {
  n = 0
  sum = 0
  sumSquares = 0

  add(n: number, sum: number, sumSquares = sum): void {
    this.n += n
    this.sum += sum
    this.sumSquares += sumSquares
  }
}

/** One run: what is true after each look. */
export type Run = (look: number) => boolean

export interface Seen {
  /** Runs in which it was true at some look. */
  readonly often: number
  readonly runs: number
  /** At which look half of all runs had had it; infinite, if fewer had. */
  readonly median: number
}

/** Each run ends with the first look at which it is true, or the last one. */
export const simulate = (seed: number, runs: number, looks: number, begin: (draw: Draw) => Run): Seen => {
  const draw = drawing(seed)
  const at: Array<number> = []
  for (let n = 0; n < runs; n++) {
    const run = begin(draw)
    for (let look = 1; look <= looks; look++) {
      if (!run(look)) continue
      at.push(look)
      break
    }
  }
  at.sort((one, other) => one - other)
  return { often: at.length, runs, median: at[Math.ceil(runs / 2) - 1] ?? Number.POSITIVE_INFINITY }
}
