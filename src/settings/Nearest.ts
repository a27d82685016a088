/** The name that was probably meant. Pure. */

/** Levenshtein (1965). */
export const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

export const nearest = (name: string, names: ReadonlyArray<string>): string =>
  names.reduce((best, one) => (distance(name, one) < distance(name, best) ? one : best))
