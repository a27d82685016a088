/**
 * Notes what a fault test measured. `npm run docs -- --faults` puts the notes of the last run into docs/faults.json, from which
 * docs/faults.md is made. One file a test, in a folder that git ignores.
 */
import { mkdirSync, writeFileSync } from "node:fs"

export type Figures = Readonly<Record<string, string | number>>

/** Where the notes are. */
export const NOTES = new URL("../../.measured/", import.meta.url)

/** `fault`: its number in the table. `figures`: what was measured, in words with units, and how much. */
export const measured = (fault: number, title: string, figures: Figures): void => {
  mkdirSync(NOTES, { recursive: true })
  const name = `${String(fault).padStart(2, "0")}-${title.replaceAll(/[^a-z0-9]+/gi, "-")}.json`
  const at = new Date().toISOString().slice(0, 10)
  writeFileSync(new URL(name, NOTES), `${JSON.stringify({ fault, title, at, figures }, null, 2)}\n`)
}

/** Milliseconds as seconds with two digits after the point. */
export const seconds = (millis: number): string => `${(millis / 1_000).toFixed(2)} s`

/** The value below which `share` of all lie, by nearest rank. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
