/**
 * Values as a schema says that they are. Pure.
 *
 *   KB1  What is given to a filter has the type that the filter was checked with, whatever the event says; else it is not there.
 */
import type { Kind } from "./Variables.ts"

/** What a JSON value is as this type; undefined: it is not of it. KB1 */
export const asKind = (value: unknown, kind: Kind): unknown => {
  switch (kind) {
    case "dyn":
      return value
    case "string":
      return typeof value === "string" ? value : undefined
    case "double":
      return typeof value === "number" ? value : typeof value === "bigint" ? Number(value) : undefined
    case "int":
      return asInt(value)
    case "bool":
      return typeof value === "boolean" ? value : undefined
    case "map":
      return value instanceof Map ? value : undefined
    default: {
      if (!Array.isArray(value)) return undefined
      const items = ITEMS[kind]
      if (items === "dyn") return value
      for (let at = 0; at < value.length; at++) {
        const one = asKind(value[at], items)
        if (one === undefined) return undefined
        value[at] = one
      }
      return value
    }
  }
}

const ITEMS = {
  "list<string>": "string",
  "list<double>": "double",
  "list<int>": "int",
  "list<bool>": "bool",
  "list<dyn>": "dyn"
} as const

const LIMIT = 2 ** 63

const asInt = (value: unknown): bigint | undefined => {
  if (typeof value === "bigint") return value
  if (typeof value !== "number" || !Number.isInteger(value) || value < -LIMIT || value >= LIMIT) return undefined
  return BigInt(value)
}
