/** Where to begin, where people may also say how long ago. Pure. */
import { spanOf } from "../text/Amounts.ts"

/** "5m" as the time that it was then; whatever else it is stays as it was written. */
export const sinceText = (text: string, now: number): string => {
  const ago = spanOf(text)
  return typeof ago === "number" ? new Date(now - ago).toISOString() : text
}
