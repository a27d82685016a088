/**
 * Guesses which name was meant. Pure.
 *
 *   NR1  What is offered is close to what was asked for: at most a third of its characters differ, and at most six.
 *   NR2  Who asks can't make it dear: comparing two names costs a few steps for each character, whatever the names are.
 */

/** Levenshtein's distance (1965). */
export const distance = (a: string, b: string): number => within(a, b, Math.max(a.length, b.length))

/**
 * Levenshtein's distance, or `most + 1` when it is more. The work grows with the length and with `most`, not with the square of the length:
 * only pairs of places that are no more than `most` apart are compared (Ukkonen, 1985). NR2
 */
export const within = (a: string, b: string, most: number): number => {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  let next = row.slice()
  for (let i = 1; i <= a.length; i++) {
    const [first, last] = [Math.max(1, i - most), Math.min(b.length, i + most)]
    next[first - 1] = first === 1 ? i : most + 1
    let least = next[first - 1]!
    for (let j = first; j <= last; j++) {
      const above = j === i + most ? most + 1 : row[j]!
      const step = Math.min(next[j - 1]! + 1, above + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
      next[j] = step
      if (step < least) least = step
    }
    if (least > most) return most + 1
    const done = row
    row = next
    next = done
  }
  return Math.min(row[b.length]!, most + 1)
}

export const nearest = (name: string, names: ReadonlyArray<string>): string =>
  names.reduce((best, one) => (distance(name, one) < distance(name, best) ? one : best))

/** Characters. Longer names are not compared. */
const LONGEST = 256
/** Characters that may differ. NR1 */
const MOST = 6

/** At most `most` names that may have been meant, the nearest first; none when nothing is near. NR1 */
export const nearby = (name: string, names: Iterable<string>, most = 3): ReadonlyArray<string> => {
  if (name.length > LONGEST) return []
  const room = Math.max(2, Math.min(MOST, Math.floor(name.length / 3)))
  const asked = name.toLowerCase()
  const found: Array<{ readonly one: string; readonly far: number }> = []
  for (const one of names) {
    if (Math.abs(one.length - name.length) > room) continue
    const far = within(asked, one.toLowerCase(), room)
    if (far <= room) found.push({ one, far })
  }
  return found
    .sort((a, b) => a.far - b.far)
    .slice(0, most)
    .map(({ one }) => one)
}
