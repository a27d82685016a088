/** Reads times and lists as verbs of access take them. Pure. */

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** "30d", "12h", "15m", or a date; milliseconds since 1970. */
export const expiry = (text: string, now: number): number | undefined => {
  const span = /^(\d+)([mhd])$/.exec(text)
  if (span !== null) return now + Number(span[1]) * units[span[2] as keyof typeof units]
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : date
}

/** "config,flag", and "config" "flag" */
export const listed = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text) => text.split(",")).map((text) => text.trim())
