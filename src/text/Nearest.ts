/**
 * Guesses which name was meant. Pure.
 *
 *   NR1  What is offered is close to what was asked for: at most a third of its characters differ, and at most six.
 */

/** Levenshtein's distance (1965). Beyond `most` it is only a lower bound. */
export const distance = (a: string, b: string, most = Number.POSITIVE_INFINITY): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const step = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
      next.push(step)
      if (step < least) least = step
    }
    if (least > most) return least
    row = next
  }
  return row[b.length]!
}

export const nearest = (name: string, names: ReadonlyArray<string>): string =>
  names.reduce((best, one) => (distance(name, one) < distance(name, best) ? one : best))

/** Characters. Longer names are not compared: the work grows with the square of their length. */
const LONGEST = 256
/** Characters that may differ. NR1 */
const MOST = 6

/** At most `most` names that may have been meant, the nearest first; none when nothing is near. NR1 */
export const nearby = (name: string, names: Iterable<string>, most = 3): ReadonlyArray<string> => {
  if (name.length > LONGEST) return []
  const room = Math.max(2, Math.min(MOST, Math.floor(name.length / 3)))
  const found: Array<{ readonly one: string; readonly far: number }> = []
  for (const one of names) {
    if (Math.abs(one.length - name.length) > room) continue
    const far = distance(name.toLowerCase(), one.toLowerCase(), room)
    if (far <= room) found.push({ one, far })
  }
  return found
    .sort((a, b) => a.far - b.far)
    .slice(0, most)
    .map(({ one }) => one)
}
