/** Chance that is the same each time. */

/** Whole numbers from 0 to just below what is asked for, by a seed: mulberry32 (Tommy Ettinger, public domain). */
export const numbers = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** From 0 to just below 1, by a seed. */
export const chance = (seed: number) => {
  const whole = numbers(seed)
  return () => whole(2 ** 30) / 2 ** 30
}

/** What draws by a seed: from 0 to just below 1, whole numbers just below one, and one of a list. */
export const dice = (seed: number) => {
  const whole = numbers(seed)
  const next = (): number => whole(2 ** 32) / 2 ** 32
  const below = (n: number): number => Math.floor(next() * n)
  const of = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!
  return { next, below, of }
}
