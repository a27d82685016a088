/** Makes JSON as people write it, from a list of choices: numbers that JavaScript would change, escapes, spaces, names in any order. */
import { Schema } from "effect"

export const Choices = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 251 })))

const NUMBERS = [
  ...["0", "-0", "1", "1.10", "1.0", "-5e-3", "1E5", "1e+2", "0.1", "19.99", "9007199254740993", "-127525757991925097"],
  ...["0.12345678901234567890", "1e-400", "123456789012345678901234567890", "1.7976931348623157e308", "2.50E+01"]
]
const STRINGS = [
  ...['""', '"a"', '"\\u0041"', '"é\\/\\n"', '"\\ud83d\\ude00"', '"😀"', '"\\\\"', '"\\""', '"{\\"a\\":1,\\"a\\":2}"'],
  ...['"a: b\\r\\nc"', '"  "', '"0x1F"', '"true"', '"\u2028\u0085\ufeff"', '"\\u007f\\t"', '"{ {x} }"', '"~1/~0"']
]
const NAMES = ['"b"', '"a"', '"10"', '"2"', '"\\u0063"', '""', '"é"', '"a/b~c"', '"x y"', '"<<"', '"-1"', '"toString"']
const SPACES = ["", "", "", " ", "\n", "\t", "\r\n", "  "]

export const jsonText = (choices: ReadonlyArray<number>): string => {
  let at = 0
  const choose = <A>(from: ReadonlyArray<A>): A => from[(choices[at++] ?? 0) % from.length] as A
  const space = () => choose(SPACES)
  const value = (depth: number): string => {
    const kind = choose(depth > 4 ? [0, 1, 2] : [0, 1, 2, 3, 3, 4, 4])
    if (kind === 0) return choose(NUMBERS)
    if (kind === 1) return choose(STRINGS)
    if (kind === 2) return choose(["true", "false", "null"])
    const count = choose([0, 1, 2, 3, 5])
    if (kind === 3) {
      const items = Array.from({ length: count }, () => `${space()}${value(depth + 1)}${space()}`)
      return `[${items.length === 0 ? space() : items.join(",")}]`
    }
    const left = [...NAMES]
    const members = Array.from({ length: count }, () => {
      const name = left.splice((choices[at++] ?? 0) % left.length, 1)[0] as string
      return `${space()}${name}${space()}:${space()}${value(depth + 1)}${space()}`
    })
    return `{${members.length === 0 ? space() : members.join(",")}}`
  }
  return value(0)
}
