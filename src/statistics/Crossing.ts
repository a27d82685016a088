/** Where a condition ends to hold. Pure. */

/** Between `inside`, where it holds, and `outside`, where it doesn't: the last number at which it does, to the precision of the machine. */
export const crossing = (holds: (x: number) => boolean, inside: number, outside: number): number => {
  let [yes, no] = [inside, outside]
  for (let step = 0; step < 128; step++) {
    const middle = yes + (no - yes) / 2
    if (middle === yes || middle === no) break
    if (holds(middle)) yes = middle
    else no = middle
    if (Math.abs(no - yes) <= 1e-13 * Math.abs(yes)) break
  }
  return yes
}

/** Above 0, upwards from `from`, where it holds: infinite, if it never ends. */
export const crossingAbove = (holds: (x: number) => boolean, from: number): number => {
  let inside = from
  let outside = Math.max(1e-12, from) * 2
  while (holds(outside)) {
    inside = outside
    outside *= 4
    if (outside > 1e300) return Number.POSITIVE_INFINITY
  }
  return crossing(holds, inside, outside)
}
