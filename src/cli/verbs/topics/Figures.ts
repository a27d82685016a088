/**
 * What became of the events that a filter looked at, for people. Pure.
 *
 *   WR1  A filter that takes nothing says why: how many events it looked at, and of how many it could not be told.
 */
import type { FilterFigures } from "../../../client/topics/ReadOptions.ts"
import { excerpt } from "../../../text/Excerpt.ts"

/** Of how many events it is not known whether the filter takes them. */
export const untold = ({ missing, failed, costly }: FilterFigures): number => missing + failed + costly

const part = (count: number, what: string): ReadonlyArray<string> => (count === 0 ? [] : [`${count} ${what}`])

/** "3 of 9 events taken; 6 have no such field …" */
export const figuresText = (figures: FilterFigures): string => {
  const { looked, matched, missing, failed, costly, missingField } = figures
  const lacked = missingField === "" ? "a field that the filter needs" : `the field ${excerpt(missingField)}`
  return [
    `${matched} of ${looked} events taken`,
    ...part(missing, `without ${lacked}, or with one of another type`),
    ...part(failed, "ended the filter with an error"),
    ...part(costly, "would have cost too much")
  ].join("; ")
}
