/**
 * Patterns of `matches`, as RE2 has them: linear in the text, whatever the pattern is. Pure.
 *
 *   RZ1  A pattern is bounded before it is compiled: by its characters, and by what its repetitions make of it; and all of a filter together.
 *   RZ2  What is kept of texts that it met is bounded; then it is forgotten.
 */
import { RE2JS } from "@bufbuild/re2"

/** Characters of a pattern. */
export const PATTERN = 256
/** Characters and classes that it may come to with all repetitions written out. RZ1 */
export const WRITTEN_OUT = 1_000
/** States of texts that are kept, about a kilobyte each. RZ2 */
const STATES = 256

export class Pattern {
  readonly text: string
  /** Characters and classes, with repetitions written out. */
  readonly size: number
  #compiled: RE2JS | undefined

  private constructor(text: string, size: number) {
    this.text = text
    this.size = size
  }

  /** Before it is compiled. What is wrong with it, as a text that goes on from its name. RZ1 */
  static of(text: string): Pattern | string {
    if (text.length > PATTERN) return `is longer than ${PATTERN} characters`
    const size = written(text)
    if (size > WRITTEN_OUT) return `comes to more than ${WRITTEN_OUT} characters with its repetitions written out`
    return new Pattern(text, size)
  }

  /** Once, before `test`. What is wrong with it. */
  compile(): string | undefined {
    try {
      this.#compiled ??= new RE2JS(this.text)
      return undefined
    } catch {
      return "is no regular expression of RE2's syntax"
    }
  }

  /** Any part of the text, as CEL's `matches` says. */
  test(text: string): boolean {
    const compiled = this.#compiled!
    const found = compiled.test(text)
    if (compiled.re2().dfa?.stateCount > STATES) compiled.reset()
    return found
  }
}

/** A class of Unicode is some hundred ranges. */
const UNICODE = 40

/** How many characters and classes a pattern comes to; too many rather than too few. RZ1 */
const written = (text: string): number => {
  /** What groups that are open hold before the last piece, and the last piece, which a repetition repeats. */
  const open: Array<{ held: number; last: number }> = [{ held: 0, last: 0 }]
  const piece = (size: number) => {
    const top = open.at(-1)!
    top.held += top.last
    top.last = size
  }
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === "\\") {
      const next = text[++at]
      const isUnicode = next === "p" || next === "P"
      if (isUnicode) at = text[at + 1] === "{" ? Math.max(at + 1, text.indexOf("}", at)) : at + 1
      piece(isUnicode ? UNICODE : 1)
    } else if (char === "[") {
      const from = at
      at++
      if (text[at] === "^") at++
      if (text[at] === "]") at++
      while (at < text.length && text[at] !== "]") at += text[at] === "\\" ? 2 : 1
      const inside = text.slice(from, at)
      piece(1 + UNICODE * (inside.split(/\\[pP]|\[:/).length - 1))
    } else if (char === "(") open.push({ held: 0, last: 0 })
    else if (char === ")" && open.length > 1) {
      const { held, last } = open.pop()!
      piece(1 + held + last)
    } else if (char === "{") {
      const counts = /^\{(\d{1,9})(?:,(\d{0,9}))?\}/.exec(text.slice(at, at + 24))
      if (counts === null) piece(1)
      else {
        open.at(-1)!.last *= Math.max(1, Number(counts[1]), Number(counts[2] ?? 0))
        at += counts[0].length - 1
      }
    } else if (char !== "*" && char !== "+" && char !== "?") piece(1)
  }
  return open.reduce((sum, { held, last }) => sum + held + last, 0)
}
