/** What a setting may be: how it is read, shown, and told to editors (JSON Schema 2020-12). Pure. */
import * as Redacted from "effect/Redacted"
import { isEnvironment } from "../keys/Environment.ts"
import { EVERY_KEY, isPattern, MOST_PATTERNS } from "../keys/Pattern.ts"
import { isTopicName } from "../keys/TopicName.ts"
import { formatAddress, isIP, parseAddress, parseHost } from "../net/Address.ts"
import { EVERY_ORIGIN, isOrigin } from "../net/Origins.ts"
import { serversOf } from "./DatabaseUrl.ts"
import { parseAddresses } from "./RedisUrl.ts"

export type Raw = string | number | boolean

export interface Form<A> {
  /** For people: what would be right, worded to follow "it must be". */
  readonly expected: string
  readonly read: (raw: Raw) => A | undefined
  /** What is wrong with what can't be read, and where; undefined: it can't be said nearer. Not asked of secrets. */
  readonly why?: (raw: Raw) => string | undefined
  /** As a person reads it; "" for no value. */
  readonly show: (value: unknown) => string
  readonly schema: Readonly<Record<string, unknown>>
  /** Never shown, logged or repeated in an error. */
  readonly secret: boolean
}

const show = (value: unknown): string => (value === undefined ? "" : String(value))

export const text: Form<string> = {
  expected: "text",
  read: (raw) => String(raw),
  show,
  schema: { type: "string" },
  secret: false
}

export const integer = (min: number, max: number): Form<number> => ({
  expected: `a whole number from ${min} to ${max}`,
  read: (raw) => {
    const n = typeof raw === "number" ? raw : /^\d+$/.test(String(raw)) ? Number(raw) : Number.NaN
    return Number.isInteger(n) && n >= min && n <= max ? n : undefined
  },
  show,
  schema: { type: "integer", minimum: min, maximum: max },
  secret: false
})

export const ratio: Form<number> = {
  expected: "a number from 0 to 1",
  read: (raw) => {
    const n = typeof raw === "number" ? raw : /^(\d+\.?\d*|\.\d+)$/.test(String(raw)) ? Number(raw) : Number.NaN
    return n >= 0 && n <= 1 ? n : undefined
  },
  show,
  schema: { type: "number", minimum: 0, maximum: 1 },
  secret: false
}

export const httpUrl: Form<string> = {
  expected: "a URL such as http://localhost:4318",
  read: (raw) => (URL.canParse(String(raw)) && /^https?:/.test(String(raw)) ? String(raw) : undefined),
  show,
  schema: { type: "string", pattern: "^https?://" },
  secret: false
}

const DURATION = "^(\\d+(?:\\.\\d+)?)\\s*(ms|s|m|h|d)$"
const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1]
] as const

/** Milliseconds. */
export const duration: Form<number> = {
  expected: "a duration such as 500ms, 30s, 5m, 2h or 7d",
  read: (raw) => {
    const found = new RegExp(DURATION).exec(String(raw).trim())
    return found === null ? undefined : Number(found[1]) * units.find(([name]) => name === found[2])![1]
  },
  show: (value) => {
    const [name, size] = units.find(([, size]) => Number(value) % size === 0) ?? units[4]
    return `${Number(value) / size}${name}`
  },
  schema: { type: "string", pattern: DURATION },
  secret: false
}

/** Such a duration, in bounds that are written as durations are. */
export const durationIn = (least: string, most: string): Form<number> => {
  const [from, to] = [duration.read(least) ?? 0, duration.read(most) ?? Number.POSITIVE_INFINITY]
  return {
    ...duration,
    expected: `${duration.expected}, from ${least} to ${most}`,
    read: (raw) => {
      const millis = duration.read(raw)
      return millis !== undefined && millis >= from && millis <= to ? millis : undefined
    }
  }
}

export const oneOf = <const A extends string>(...names: ReadonlyArray<A>): Form<A> => ({
  expected: `one of ${names.join(", ")}`,
  read: (raw) => names.find((name) => name === String(raw)),
  show,
  schema: { enum: names },
  secret: false
})

const KEY_PREFIX = "^(?!config:)[A-Za-z0-9._:-]{0,64}$"

/** What names of keys in Redis begin with; those of the shared cache are not to be had. */
export const keyPrefix: Form<string> = {
  expected: "up to 64 letters, digits and . _ : -, such as shop:, which do not begin with config:",
  read: (raw) => (new RegExp(KEY_PREFIX).test(String(raw)) ? String(raw) : undefined),
  show,
  schema: { type: "string", pattern: KEY_PREFIX },
  secret: false
}

/** A switch whose two positions have names. */
export const either = (no: string, yes: string): Form<boolean> => ({
  ...oneOf(no, yes),
  read: (raw) => (String(raw) === yes ? true : String(raw) === no ? false : undefined),
  show: (value) => (value === undefined ? "" : value === true ? yes : no)
})

export const onOff: Form<boolean> = {
  ...either("off", "on"),
  expected: "one of on, off",
  schema: { enum: ["on", "off"] }
}

/** How a secret is shown. */
export const hidden = (value: unknown): string => (value === undefined ? "" : "<redacted>")

export const secret: Form<Redacted.Redacted> = {
  expected: "text",
  read: (raw) => Redacted.make(String(raw)),
  show: hidden,
  schema: { type: "string" },
  secret: true
}

export const postgresUrl: Form<Redacted.Redacted> = {
  expected: "a URL such as postgres://user:password@host:5432/database, or with several servers: host:5432,other:5432",
  read: (raw) =>
    /^postgres(ql)?:/.test(String(raw)) && serversOf(String(raw)) !== undefined
      ? Redacted.make(String(raw))
      : undefined,
  show: hidden,
  schema: { type: "string", pattern: "^postgres(ql)?://" },
  secret: true
}

export const redisUrl: Form<Redacted.Redacted> = {
  expected: "redis://user:password@host:6379 or rediss://…, several with commas between",
  read: (raw) => (parseAddresses(String(raw)) === undefined ? undefined : Redacted.make(String(raw))),
  show: hidden,
  schema: { type: "string", pattern: "^rediss?://" },
  secret: true
}

/** The parts of a list with commas, each once. */
export const listOf = (raw: Raw): ReadonlyArray<string> => [
  ...new Set(
    String(raw)
      .split(",")
      .map((one) => one.trim())
  )
]

/** Patterns of keys, as clients subscribe to them. */
export const patterns: Form<ReadonlyArray<string>> = {
  expected: "keys, or prefixes such as payment.*, with commas between; * is every key",
  read: (raw) => {
    const found = listOf(raw)
    return found.length <= MOST_PATTERNS && found.every((one) => one === EVERY_KEY || isPattern(one))
      ? found
      : undefined
  },
  show: (value) => (value === undefined ? "" : (value as ReadonlyArray<string>).join(",")),
  schema: { type: "string" },
  secret: false
}

/** Topics. */
export const topicPatterns: Form<ReadonlyArray<string>> = {
  expected: "names of topics, or names and /* for all topics below them, with commas between, at most 32",
  read: (raw) => {
    const found = listOf(raw)
    const isOne = (text: string) => text === "*" || isTopicName(text.endsWith("/*") ? text.slice(0, -2) : text)
    return found.length <= 32 && found.every(isOne) ? found : undefined
  },
  show: (value) => (value === undefined ? "" : (value as ReadonlyArray<string>).join(",")),
  schema: { type: "string", minLength: 1 },
  secret: false
}

/** Names of environments; `none` of them. */
export const environments: Form<ReadonlyArray<string>> = {
  expected: "names of environments with commas between; none: no environment",
  read: (raw) => {
    const found = listOf(raw)
    if (found.length === 1 && (found[0] === "none" || found[0] === "")) return []
    return found.length <= 100 && found.every(isEnvironment) ? found : undefined
  },
  show: (value) => {
    const found = value as ReadonlyArray<string> | undefined
    return found?.length === 0 ? "none" : (found ?? []).join(",")
  },
  schema: { type: "string" },
  secret: false
}

/** Origins of pages in browsers; none where nothing is given. */
export const origins: Form<ReadonlyArray<string>> = {
  expected: "origins such as https://app.example.com, with commas between; * is every one",
  read: (raw) => {
    const found = raw === "" ? [] : listOf(raw).map((one) => one.toLowerCase().replace(/\/$/, ""))
    return found.length <= 100 && found.every((one) => one === EVERY_ORIGIN || isOrigin(one)) ? found : undefined
  },
  show: (value) => (value === undefined ? "" : (value as ReadonlyArray<string>).join(",")),
  schema: { type: "string" },
  secret: false
}

/** A host to listen on or to send to; an IPv6 address comes out without brackets. */
export const host: Form<string> = {
  expected: "a name or an IP address, such as 127.0.0.1, 0.0.0.0, :: or [::1]",
  read: (raw) => {
    const found = parseHost(String(raw).trim())
    return typeof found === "string" ? found : undefined
  },
  show,
  schema: { type: "string", pattern: "^[^\\s/]+$" },
  secret: false
}

/** Addresses of brokers. */
export const hosts: Form<ReadonlyArray<string>> = {
  expected: "host:port, several with commas between; an IPv6 address in brackets: [::1]:9092",
  read: (raw) => {
    const found = String(raw)
      .split(",")
      .map((one) => parseAddress(one.trim()))
    const good = found.flatMap((one) => ("wrong" in one ? [] : [formatAddress(one)]))
    return good.length === found.length ? good : undefined
  },
  show: (value) => (value === undefined ? "" : (value as ReadonlyArray<string>).join(",")),
  schema: { type: "string", pattern: "^[^\\s/,]+:\\d{1,5}(,\\s*[^\\s/,]+:\\d{1,5})*$" },
  secret: false
}

const isNetwork = (text: string): boolean => {
  const [, address = "", bits = "0"] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  return isIP(address) && Number(bits) <= (address.includes(":") ? 128 : 32)
}

/** Addresses, and networks of them. */
export const networks: Form<ReadonlyArray<string>> = {
  expected: "addresses and networks such as 10.0.0.7 and 10.0.0.0/8, with commas between; none: no address",
  read: (raw) => {
    const found = listOf(raw)
    if (found.length === 1 && found[0] === "none") return []
    return found.length <= 256 && found.every(isNetwork) ? found : undefined
  },
  show: (value) => {
    const found = (value ?? []) as ReadonlyArray<string>
    return found.length === 0 ? "none" : found.join(",")
  },
  schema: { type: "string" },
  secret: false
}
