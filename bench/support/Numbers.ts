/** Percentiles, medians, and how numbers are printed. Pure. */

/** Nearest rank (ISO 3534-1); `sorted` ascending. NaN when there is nothing. */
export const percentile = (sorted: ArrayLike<number>, p: number): number =>
  sorted.length === 0
    ? Number.NaN
    : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))]!

export const sorted = (values: Iterable<number>): Float64Array => Float64Array.from(values).sort()

/** The lower of the two middle ones when their number is even. */
export const median = (values: Iterable<number>): number => percentile(sorted(values), 50)

export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

export const spreadOf = (values: Iterable<number>): Spread => {
  const all = sorted(values)
  const [p50, p95, p99, max] = [50, 95, 99, 100].map((p) => percentile(all, p)) as [number, number, number, number]
  return { count: all.length, p50, p95, p99, max }
}

/** Three significant digits, thousands set apart. */
export const short = (value: number): string =>
  !Number.isFinite(value)
    ? "–"
    : Math.abs(value) >= 100
      ? Math.round(value).toLocaleString("en-US")
      : String(Number(value.toPrecision(3)))

/** Of the least-squares line through the points (x, y). NaN for fewer than two different x. */
export const slope = (points: ReadonlyArray<readonly [number, number]>): number => {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const over = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
  return over === 0 ? Number.NaN : points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / over
}
