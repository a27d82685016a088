/**
 * Some fields of a payload, for readers who want no more. Pure.
 *
 *   PF1  What is left of a payload is as it was written, byte for byte, in the order in which it was written.
 *   PF2  Projections of the same fields are one, in whatever order they are asked for.
 */
import { Result } from "effect"
import { excerpt } from "../text/Excerpt.ts"
import { CLOSE, COLON, COMMA, OPEN, QUOTE } from "./JsonBytes.ts"
import { JsonNames, type Names, namesOf } from "./JsonNames.ts"

/** Fields of one projection. */
export const FIELDS = 64
/** UTF-16 units of a name. */
export const NAME = 256

/** Fails with a sentence without its stop. */
export const projectionOf = (fields: ReadonlyArray<string>): Result.Result<Projection, string> => {
  if (fields.length === 0) return Result.fail("a projection has at least one field")
  if (fields.length > FIELDS) return Result.fail(`a projection has at most ${FIELDS} fields`)
  for (const name of fields) {
    if (name === "") return Result.fail("the name of a field is not empty")
    if (name.length > NAME) return Result.fail(`the name ${excerpt(name)} is longer than ${NAME} characters`)
    if (!name.isWellFormed()) return Result.fail(`the name ${excerpt(name)} has half of a character`)
  }
  return Result.succeed(new Projection([...new Set(fields)].sort()))
}

interface Field {
  readonly name: string
  readonly slot: number
}

export class Projection extends JsonNames {
  /** Sorted. */
  readonly fields: ReadonlyArray<string>
  /** The same for the same fields. PF2 */
  readonly id: string
  readonly #names: Names<Field>
  /** Where each field was last, with its name: from and to. */
  readonly #from: Array<number>
  readonly #to: Array<number>

  constructor(fields: ReadonlyArray<string>) {
    super()
    this.fields = fields
    this.id = JSON.stringify(fields)
    this.#names = namesOf(fields.map((name, slot) => ({ name, slot })))
    this.#from = fields.map(() => -1)
    this.#to = fields.map(() => -1)
  }

  /** Undefined: the payload is no JSON object, and has no fields. PF1 */
  of(payload: Uint8Array): Uint8Array | undefined {
    this.begin(payload)
    this.#from.fill(-1)
    this.blank()
    if (this.bytes[this.at] !== OPEN || !this.#members()) return undefined
    this.blank()
    return this.at === this.bytes.length ? this.#written() : undefined
  }

  #members(): boolean {
    const bytes = this.bytes
    this.at++
    this.blank()
    if (bytes[this.at] === CLOSE) {
      this.at++
      return true
    }
    for (;;) {
      const from = this.at
      if (bytes[from] !== QUOTE) return false
      const field = this.named(this.#names)
      if (field === null) return false
      this.blank()
      if (bytes[this.at++] !== COLON) return false
      this.blank()
      if (!this.skip()) return false
      if (field !== undefined) {
        this.#from[field.slot] = from
        this.#to[field.slot] = this.at
      }
      this.blank()
      const next = bytes[this.at++]
      if (next === CLOSE) return true
      if (next !== COMMA) return false
      this.blank()
    }
  }

  #written(): Uint8Array {
    const slots = [...this.#from.keys()].filter((slot) => this.#from[slot] !== -1)
    slots.sort((a, b) => this.#from[a]! - this.#from[b]!)
    const length = slots.reduce(
      (sum, slot) => sum + this.#to[slot]! - this.#from[slot]! + 1,
      slots.length === 0 ? 2 : 1
    )
    const written = new Uint8Array(length)
    written[0] = OPEN
    let at = 1
    for (const slot of slots) {
      const [from, to] = [this.#from[slot]!, this.#to[slot]!]
      written.set(this.bytes.subarray(from, to), at)
      at += to - from
      written[at++] = COMMA
    }
    written[length - 1] = CLOSE
    return written
  }
}
