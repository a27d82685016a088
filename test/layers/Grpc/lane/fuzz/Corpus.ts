/** Inputs that are kept, each because it reached what none before it did: one a line, in base64. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import type { TargetName } from "./Targets.ts"

/** Bytes of a file. */
const LARGEST = 90_000

const pathOf = (name: TargetName) => new URL(`./corpus/${name}.txt`, import.meta.url)

export const corpusOf = (name: TargetName): ReadonlyArray<Buffer> =>
  existsSync(pathOf(name))
    ? readFileSync(pathOf(name), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => Buffer.from(line, "base64"))
    : []

/** Small ones first; what is beyond the bound is left out. */
export const keep = (name: TargetName, inputs: ReadonlyArray<Buffer>): void => {
  let left = LARGEST
  const lines = [...inputs]
    .sort((a, b) => a.length - b.length)
    .map((input) => `${input.toString("base64")}\n`)
    .filter((line) => (left -= line.length) >= 0)
  writeFileSync(pathOf(name), lines.join(""))
}
