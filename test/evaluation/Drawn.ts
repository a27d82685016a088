/** Rules and contexts drawn by a seed, of everything that a rule may be made of. */
import { dice } from "../support/Chance.ts"

const VARIANTS = ["on", "off", "true", "false", "1", "1.5", "blue"]
export const variants = {
  on: "on",
  off: "off",
  true: "true",
  false: "false",
  "1": "one",
  "1.5": "one and a half",
  blue: "blue"
}

const NAMES = [
  "targetingKey",
  "email",
  "plan",
  "age",
  "version",
  "country",
  "groups",
  "user.name",
  "user",
  "missing",
  "zero",
  "nothing",
  "flag"
]
const TEXTS = ["pro", "de", "a@example.com", "@example.com", "1.2.3", "2", "", "admin", "10", "abc"]
const VERSIONS = [
  "1.2.3",
  "v1.2.3",
  "2.0.0-alpha",
  "2.0.0-alpha.1",
  "1",
  "1.2",
  "1.2.3.4",
  "01.2.3",
  "1.2.3+build",
  "no",
  "2.0.0-1",
  "V2.0.0-rc.1+x"
]

/** `json`: what JSON.parse gives, with the same order of members wherever it is read. */
export const drawRule = (seed: number) => {
  const { next, below, of } = dice(seed)
  const scalar = (): unknown => of<unknown>([of(TEXTS), of(TEXTS), below(20), -below(5), 1.5, true, false, null])
  const variable = (inside: boolean): unknown => {
    if (inside) return { var: of<unknown>(["", "name", "current", "accumulator", 0]) }
    const name = next() < 0.08 ? of(["$flagd.flagKey", "$flagd.timestamp", "$flagd.other", "", "$flagd"]) : of(NAMES)
    return next() < 0.15 ? { var: [name, scalar()] } : next() < 0.1 ? { var: [name] } : { var: name }
  }
  const several = (make: () => unknown, least: number, most: number): Array<unknown> =>
    Array.from({ length: least + below(most - least + 1) }, make)
  const bucket = (depth: number, inside: boolean): unknown => {
    const variant = next() < 0.8 ? of<unknown>([...VARIANTS, true, 1, null]) : expression(depth, inside)
    if (next() < 0.15) return [variant]
    return [variant, next() < 0.85 ? of([0, 1, 10, 25, 50, 100, -5, 2_000_000_000]) : expression(depth, inside)]
  }
  const gathered = (more: unknown): unknown => ({
    [of(["cat", "max", "or", "and"])]: [{ var: "accumulator" }, more]
  })
  const fractional = (depth: number): unknown => {
    const buckets = several(() => bucket(depth, false), 1, 4)
    const by = of<unknown>([
      undefined,
      undefined,
      { var: "targetingKey" },
      { cat: [{ var: "$flagd.flagKey" }, { var: of(NAMES) }] },
      { cat: ["seed-", { var: "email" }] },
      { cat: [{ var: "email" }, "-seed"] },
      expression(depth, false),
      "constant"
    ])
    return { fractional: by === undefined ? buckets : [by, ...buckets] }
  }
  const expression = (depth: number, inside: boolean): unknown => {
    if (depth <= 0) return next() < 0.5 ? variable(inside) : scalar()
    const one = () => expression(depth - 1, inside)
    const list = () => (next() < 0.6 ? { var: "groups" } : [...several(one, 0, 2), { var: of(NAMES) }])
    switch (below(inside ? 15 : 24)) {
      case 0:
        return variable(inside)
      case 1:
        return scalar()
      case 2:
      case 3:
        return { [of(["==", "===", "!=", "!==", "<", "<=", ">", ">="])]: several(one, 2, next() < 0.1 ? 3 : 2) }
      case 4:
        return { [of(["and", "or"])]: several(one, 1, 3) }
      case 5:
        return { [of(["!", "!!"])]: next() < 0.5 ? one() : [one()] }
      case 6:
        return { if: several(one, 2, 5) }
      case 7:
        return { in: [one(), next() < 0.5 ? several(scalar, 1, 12) : one()] }
      case 8:
        return { [of(["+", "-", "*", "/"])]: several(one, 1, 3) }
      case 9:
        return { "%": [one(), one()] }
      case 10:
        return { cat: several(one, 1, 3) }
      case 11:
        return { substr: [one(), ...several(() => below(5) - 2, 1, 2)] }
      case 12:
        return { [of(["max", "min"])]: several(one, 1, 3) }
      case 13:
        return { merge: several(one, 1, 3) }
      case 14:
        return variable(inside)
      case 15:
        return { missing: next() < 0.7 ? several(() => of(NAMES), 1, 3) : { merge: ["email", [of(NAMES)]] } }
      case 16:
        return { missing_some: [below(3), several(() => of(NAMES), 1, 3)] }
      case 17:
        return { [of(["map", "filter", "all", "some", "none"])]: [list(), expression(depth - 1, true)] }
      case 18:
        return { reduce: [list(), gathered(expression(depth - 1, true)), ...(next() < 0.8 ? [scalar()] : [])] }
      case 19:
        return { [of(["starts_with", "ends_with"])]: [one(), next() < 0.7 ? of(TEXTS) : one()] }
      case 20:
        return {
          sem_ver: [
            next() < 0.8 ? { var: "version" } : one(),
            next() < 0.9 ? of(["=", "!=", "<", "<=", ">", ">=", "^", "~"]) : of(["==", "x"]),
            next() < 0.9 ? of(VERSIONS) : one()
          ]
        }
      default:
        return fractional(depth - 1)
    }
  }
  const decided = (depth: number): unknown => {
    if (depth <= 0 || next() < 0.15) return of<unknown>([...VARIANTS, true, false, 1, 1.5, null])
    return next() < 0.5
      ? { if: [expression(2, false), decided(depth - 1), ...(next() < 0.8 ? [decided(depth - 1)] : [])] }
      : next() < 0.5
        ? fractional(1)
        : expression(3, false)
  }
  let rule = decided(3)
  while (typeof rule !== "object" || rule === null || Array.isArray(rule)) rule = decided(3)
  return JSON.parse(JSON.stringify(rule)) as Record<string, unknown>
}

export const drawContext = (seed: number): Record<string, unknown> => {
  const { next, below, of } = dice(seed)
  const context: Record<string, unknown> = {}
  const put = (name: string, values: ReadonlyArray<unknown>): void => {
    if (next() < 0.8) context[name] = of(values)
  }
  put("targetingKey", [`user-${below(1_000)}`, "", 42, 0, true, `${below(100)}`])
  put("email", ["a@example.com", `u${below(99)}@other.org`, null, 7])
  put("plan", ["pro", "free", "", null])
  put("age", [below(99), "18", -1, 0, null])
  put("version", [...VERSIONS, 1, 1.2, null, true])
  put("country", ["de", "at", "us"])
  put("groups", [[], ["admin", "abc"], [1, 2, 3], [{ name: "pro" }, { name: "x" }], "admin", null, [null, true]])
  put("user", [{ name: "ann" }, { name: null }, "text", null])
  put("zero", [0, "0"])
  put("nothing", [null])
  put("flag", [true, false, "true"])
  put("$flagd", [{ flagKey: "forged", timestamp: 1 }])
  return context
}
