/**
 * Reads the fields that are wanted from the bytes of a JSON object, and steps over all others. Pure state.
 *
 *   JX5  Of several fields of one name the last one counts, as JSON.parse has it, and however the name is written.
 */
import { BROKEN, CLOSE, COLON, COMMA, OPEN, QUOTE } from "./JsonBytes.ts"
import { JsonNames, type Names, namesOf } from "./JsonNames.ts"
import { asKind } from "./Kinds.ts"
import type { Kind } from "./Variables.ts"
import type { Wanted } from "./Wanted.ts"
import { ELEMENT_BYTES } from "./Work.ts"

/** A field that is wanted. */
interface Field {
  readonly name: string
  /** Where its value goes. */
  readonly slot: number
  readonly kind: Kind
  /** Undefined: the whole value. */
  readonly inside: Names<Field> | undefined
}

const fieldsOf = (wanted: ReadonlyMap<string, Wanted>): Names<Field> =>
  namesOf(
    Array.from(wanted, ([name, { whole, kind, fields }], slot) => ({
      name,
      slot,
      kind,
      inside: whole ? undefined : fieldsOf(fields)
    }))
  )

/** Reads events one after the other; each `read` overwrites what the one before it found. */
export class JsonFields extends JsonNames {
  readonly #table: Names<Field>
  /** In the order in which they were wanted; undefined: it is not there, or can't be read. */
  readonly values: Array<unknown>
  /** Of each: bytes of its text, and of its elements as `Work` counts them. */
  readonly sizes: Array<number>

  constructor(wanted: ReadonlyMap<string, Wanted>) {
    super()
    this.#table = fieldsOf(wanted)
    this.values = new Array<unknown>(wanted.size).fill(undefined)
    this.sizes = new Array<number>(wanted.size).fill(0)
  }

  /** False: it is no JSON object. What came before its end may have been read. */
  read(payload: Uint8Array): boolean {
    this.begin(payload)
    for (let slot = 0; slot < this.values.length; slot++) {
      this.values[slot] = undefined
      this.sizes[slot] = 0
    }
    this.blank()
    if (this.bytes[this.at] !== OPEN || !this.#members(this.#table, 1, undefined)) return false
    this.blank()
    return this.at === this.bytes.length
  }

  /** From `{` to behind `}`. `into`: undefined for the payload itself. False: it is no JSON. */
  #members(table: Names<Field>, depth: number, into: Map<string, unknown> | undefined): boolean {
    const bytes = this.bytes
    this.at++
    this.blank()
    if (bytes[this.at] === CLOSE) {
      this.at++
      return true
    }
    for (;;) {
      if (bytes[this.at] !== QUOTE) return false
      const field = this.named(table)
      if (field === null) return false
      this.blank()
      if (bytes[this.at++] !== COLON) return false
      this.blank()
      if (field === undefined) {
        if (!this.skip()) return false
      } else {
        const { text, left } = this
        const value = this.#field(field, depth)
        if (value === BROKEN) return false
        if (into === undefined) {
          this.values[field.slot] = asKind(value, field.kind)
          this.sizes[field.slot] = this.text - text + (left - this.left) * ELEMENT_BYTES
        } else if (value !== undefined) into.set(field.name, value)
        else into.delete(field.name)
      }
      this.blank()
      const next = bytes[this.at++]
      if (next === CLOSE) return true
      if (next !== COMMA) return false
      this.blank()
    }
  }

  #field({ inside }: Field, depth: number): unknown {
    if (inside === undefined || this.bytes[this.at] !== OPEN) return this.value(depth)
    if (!this.within(depth)) return this.over()
    const found = new Map<string, unknown>()
    return this.#members(inside, depth + 1, found) ? found : BROKEN
  }
}
