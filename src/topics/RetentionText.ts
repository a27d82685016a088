/** How long a topic keeps events, as people write it: "7d", "10GiB", "7d,10GiB". Pure. */
import { excerpt } from "../text/Excerpt.ts"
import type { Retention } from "./Topic.ts"

const TIMES = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const
const SIZES = { TiB: 2 ** 40, GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 } as const

/** A text says what is wrong; whether the bounds are allowed is the model's. */
export const retentionOf = (text: string): Retention | string => {
  const wrong = `${excerpt(text)} is no retention: write a time, a size of each partition or both, as 7d,10GiB`
  if (text.length > 60) return wrong
  let millis: number | null = null
  let bytes: number | null = null
  for (const part of text.split(",").map((one) => one.trim())) {
    const [, much, unit] = /^(\d{1,15})(d|h|m|s|TiB|GiB|MiB|KiB|B)$/.exec(part) ?? []
    if (much === undefined || unit === undefined) return wrong
    if (unit in TIMES) {
      if (millis !== null) return wrong
      millis = Number(much) * TIMES[unit as keyof typeof TIMES]
    } else {
      if (bytes !== null) return wrong
      bytes = Number(much) * SIZES[unit as keyof typeof SIZES]
    }
  }
  return { millis, bytes }
}

const inUnits = (much: number, units: Readonly<Record<string, number>>, last: string): string => {
  const [unit, size] = Object.entries(units).find(([, of]) => much > 0 && much % of === 0) ?? [last, units[last]!]
  return `${Math.round(much / size)}${unit}`
}

/** The same the other way. */
export const retentionText = ({ millis, bytes }: Retention): string =>
  [
    ...(millis === null ? [] : [inUnits(millis, TIMES, "s")]),
    ...(bytes === null ? [] : [inUnits(bytes, SIZES, "B")])
  ].join(",")
