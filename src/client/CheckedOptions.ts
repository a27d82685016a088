/**
 * Checks the options, before anything is opened. Pure.
 *
 *   OP1  Whatever is wrong, an unknown name too, is an `OptionError` that says which option, why, and what to write. It shows no secret.
 *   OP2  Each option is read once: what the application changes in the object afterwards changes nothing.
 *   OP3  What a server would refuse of a client's name, labels and patterns is refused here.
 */
import { MOST_LABELS, wrongLabel, wrongName, wrongText } from "../keys/ClientName.ts"
import { DEFAULT_ENVIRONMENT, wrongEnvironment } from "../keys/Environment.ts"
import { nameOf } from "../keys/Name.ts"
import { defaultPatterns, MOST_PATTERNS, wrongPattern } from "../keys/Pattern.ts"
import { formatAddress, parseAddress } from "../net/Address.ts"
import { wrongToken } from "./Bearer.ts"
import { messageOf, OptionError } from "./ClientError.ts"
import { EVERY_FLAG, FLAG } from "./ClientFlags.ts"
import { mostBytes } from "./Held.ts"
import type { ConnectOptions } from "./Options.ts"
import { bytesOf } from "./Platform.ts"

const names = {
  "": [
    ...[
      "address",
      "service",
      "instance",
      "environment",
      "labels",
      "keys",
      "flags",
      "token",
      "tls",
      "proxy",
      "lastKnownGood"
    ],
    ...["bootstrap", "defaults", "waitForSync", "connectTimeoutMillis", "onStateChange", "onEvent", "logger"],
    ...["reconnect", "heartbeatMillis", "silenceMillis", "hookTimeoutMillis", "validate", "apply", "confirm"],
    ...["health", "healthMillis"]
  ],
  tls: ["rootCertificates", "privateKey", "certificateChain", "serverName"],
  lastKnownGood: ["directory", "delayMillis", "labels"],
  bootstrap: ["file", "values"],
  reconnect: ["baseMillis", "capMillis", "stableMillis"]
} as const

const functions = ["onStateChange", "onEvent", "logger", "validate", "apply", "confirm", "health"] as const

/** A timer of more would fire at once. */
const longestMillis = 2 ** 31 - 1
const refuse = (what: string): never => {
  throw new OptionError(what)
}

const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80))
  if (value === null || value === undefined) return String(value)
  return `${typeof value === "object" ? "an" : "a"} ${typeof value}`
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** OP2. */
const copied = (options: unknown, name: string, known: ReadonlyArray<string>): Record<string, unknown> => {
  const [where, mine] = name === "" ? ["the options", ""] : [name, `${name}.`]
  if (!isRecord(options)) return refuse(`${where} must be an object of ${known.join(", ")}.`)
  let copy: Record<string, unknown>
  try {
    copy = { ...options }
  } catch (error) {
    throw new OptionError(`${where} can't be read: ${messageOf(error)}.`, { cause: error })
  }
  const unknown = Object.keys(copy).find((key) => !known.includes(key))
  if (unknown === undefined) return copy
  return refuse(
    `${mine}${unknown.slice(0, 80)} is no option. ${where === "the options" ? "They" : `Those of ${where}`} are ${known.join(", ")}.`
  )
}

const millis = (name: string, value: unknown, otherwise: number): number => {
  if (value === undefined) return otherwise
  if (typeof value === "number" && value > 0 && value <= longestMillis) return value
  return refuse(
    `${name} is ${typeof value === "number" ? value : shown(value)}. Give milliseconds, above 0 and at most ${longestMillis}.`
  )
}

/** OP3. `wrong`: the rule for such a text. */
const named = (name: string, value: unknown, wrong: (text: string) => string | undefined = wrongName): string => {
  if (typeof value !== "string" && value !== undefined) return refuse(`${name} is ${shown(value)}. Give a text.`)
  const why = value === undefined ? "is missing" : wrong(value)
  return why === undefined ? (value as string) : refuse(`${name} ${why}.`)
}

/** The rule for names of files, folders and hosts. */
const anyText = (longest: number) => (text: string) => (text === "" ? "is missing" : wrongText(text, longest))

const environmentOf = (given: unknown): string => {
  const wrong = typeof given === "string" ? wrongEnvironment(given) : "is not a text"
  return wrong === undefined ? (given as string) : refuse(`environment is ${shown(given)}, which ${wrong}.`)
}

const addressesOf = (given: unknown): ReadonlyArray<string> => {
  const all: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  if (all.length === 0) refuse("address is empty. Give the host:port of at least one node.")
  return all.map((one) => {
    if (typeof one !== "string")
      return refuse(`address is ${one === undefined ? "missing" : shown(one)}. Write host:port.`)
    const parsed = parseAddress(one)
    return "wrong" in parsed ? refuse(`address ${shown(one)} ${parsed.wrong}.`) : formatAddress(parsed)
  })
}

const labelsOf = (given: unknown): Readonly<Record<string, string>> => {
  if (given === undefined) return {}
  if (!isRecord(given)) return refuse("labels must be an object of texts.")
  const labels = Object.entries(given)
  if (labels.length > MOST_LABELS) refuse(`labels has ${labels.length} names. Give at most ${MOST_LABELS}.`)
  for (const [name, value] of labels) {
    if (typeof value !== "string") return refuse(`the label ${shown(name)} is not a text. Labels are texts.`)
    const wrong = wrongLabel(name, value)
    if (wrong !== undefined) refuse(`the label ${wrong}.`)
  }
  return Object.fromEntries(labels) as Record<string, string>
}

const patternsOf = (given: unknown): ReadonlyArray<string> => {
  if (given === undefined) return []
  if (!Array.isArray(given)) return refuse("keys must be a list of keys and `prefix.*`.")
  if (given.length > MOST_PATTERNS) refuse(`keys has ${given.length} patterns. Give at most ${MOST_PATTERNS}.`)
  return given.map((pattern: unknown) => {
    const wrong = typeof pattern === "string" ? wrongPattern(pattern) : "is not a text"
    return wrong === undefined ? (pattern as string) : refuse(`keys holds ${shown(pattern)}, which ${wrong}.`)
  })
}

/** Patterns of flags, as the server knows them. */
const flagsOf = (given: unknown): ReadonlyArray<string> => {
  if (given === undefined || given === false) return []
  if (given === true) return [EVERY_FLAG]
  if (!Array.isArray(given)) return refuse("flags must be true, or a list of names of flags and `prefix.*`.")
  if (given.length > MOST_PATTERNS)
    refuse(`flags has ${given.length} patterns. Give at most ${MOST_PATTERNS}, or true.`)
  return given.map((pattern: unknown) => {
    const wrong = typeof pattern === "string" ? wrongPattern(pattern) : "is not a text"
    return wrong === undefined
      ? nameOf(FLAG, pattern as string)
      : refuse(`flags holds ${shown(pattern)}, which ${wrong}.`)
  })
}

const tokenOf = (token: unknown): ConnectOptions["token"] => {
  if (token === undefined || token === "" || typeof token === "function") return token as ConnectOptions["token"]
  const wrong = wrongToken(token)
  if (wrong !== undefined) refuse(`token ${wrong}.`)
  return token as string
}

const directoryOf = (given: unknown, labels: Readonly<Record<string, string>>) => {
  if (given === undefined || given === false) return undefined
  const { directory, delayMillis, labels: used } = copied(given, "lastKnownGood", names.lastKnownGood)
  if (used !== undefined && !(Array.isArray(used) && used.every((label) => typeof label === "string"))) {
    refuse("lastKnownGood.labels must be a list of names of labels.")
  }
  const shaping = Object.entries(labels).filter(
    ([label]) => used === undefined || (used as Array<string>).includes(label)
  )
  return {
    labels: Object.fromEntries(shaping),
    directory: named("lastKnownGood.directory", directory, anyText(4_096)),
    delayMillis: millis("lastKnownGood.delayMillis", delayMillis, 100)
  }
}

const bootstrapOf = (given: unknown): ConnectOptions["bootstrap"] => {
  if (given === undefined) return undefined
  const { file, values } = copied(given, "bootstrap", names.bootstrap)
  if ((file === undefined) === (values === undefined))
    refuse("bootstrap needs either file or values. Give one of them.")
  if (file !== undefined) return { file: named("bootstrap.file", file, anyText(4_096)) }
  return isRecord(values) ? { values: { ...values } } : refuse("bootstrap.values must be an object of key to value.")
}

const tlsOf = (given: unknown): ConnectOptions["tls"] => {
  if (given === undefined || typeof given === "boolean") return given
  const tls = copied(given, "tls", names.tls)
  for (const name of ["rootCertificates", "privateKey", "certificateChain"] as const) {
    const pem = tls[name]
    if (pem !== undefined && typeof pem !== "string" && !(pem instanceof Uint8Array))
      refuse(`tls.${name} is a ${typeof pem}. Give the text of a PEM file, or its bytes.`)
  }
  if (tls["serverName"] !== undefined) named("tls.serverName", tls["serverName"], anyText(253))
  return tls as ConnectOptions["tls"]
}

export type Checked = ReturnType<typeof check>

/** Throws `OptionError`. OP1. */
export const check = (options: ConnectOptions, instanceName: () => string) => {
  const given = copied(options, "", names[""]) as Partial<Record<(typeof names)[""][number], unknown>>
  for (const name of functions) {
    if (given[name] !== undefined && typeof given[name] !== "function")
      refuse(`${name} is a ${typeof given[name]}. Give a function.`)
  }
  const { waitForSync, defaults, proxy } = given
  if (waitForSync !== undefined && typeof waitForSync !== "boolean") refuse("waitForSync is neither true nor false.")
  if (defaults !== undefined && !isRecord(defaults)) refuse("defaults must be an object of key to value.")
  if (proxy !== undefined && typeof proxy !== "string")
    refuse("proxy is no text. Write http://host:port, or leave it out.")
  const reconnect = given.reconnect === undefined ? {} : copied(given.reconnect, "reconnect", names.reconnect)
  const service = named("service", given.service)
  const environment = environmentOf(given.environment ?? DEFAULT_ENVIRONMENT)
  const labels = labelsOf(given.labels)
  const flags = flagsOf(given.flags)
  const asked = patternsOf(given.keys)
  const onlyFlags = flags.length > 0 && given.keys !== undefined && asked.length === 0
  const wanted = asked.length > 0 || onlyFlags ? asked : defaultPatterns(service)
  /** None: the server takes the same patterns for them. */
  const keys = flags.length === 0 ? asked : [...wanted, ...flags]
  if (keys.length > MOST_PATTERNS) refuse(`keys and flags have ${keys.length} patterns. Give at most ${MOST_PATTERNS}.`)
  /** Bytes of the first message, apart from what it says is held. */
  const helloBytes = 1_024 + bytesOf(JSON.stringify([service, environment, labels, keys]))
  if (helloBytes > mostBytes) refuse(`labels and keys have ${helloBytes} bytes together. Give at most ${mostBytes}.`)
  return {
    addresses: addressesOf(given.address),
    service,
    instance: named("instance", given.instance ?? instanceName()),
    environment,
    labels,
    keys,
    helloBytes,
    patterns: [...wanted, ...flags],
    token: tokenOf(given.token),
    tls: tlsOf(given.tls),
    proxy: proxy as string | undefined,
    lastKnownGood: directoryOf(given.lastKnownGood, labels),
    bootstrap: bootstrapOf(given.bootstrap),
    defaults: { ...(defaults as Readonly<Record<string, unknown>> | undefined) },
    waitForSync: waitForSync === true,
    connectTimeoutMillis: millis("connectTimeoutMillis", given.connectTimeoutMillis, 10_000),
    hookTimeoutMillis: millis("hookTimeoutMillis", given.hookTimeoutMillis, 30_000),
    health: given.health as ConnectOptions["health"],
    healthMillis: millis("healthMillis", given.healthMillis, 5_000),
    connection: {
      baseMillis: millis("reconnect.baseMillis", reconnect["baseMillis"], 250),
      capMillis: millis("reconnect.capMillis", reconnect["capMillis"], 20_000),
      stableMillis: millis("reconnect.stableMillis", reconnect["stableMillis"], 10_000),
      heartbeatMillis: millis("heartbeatMillis", given.heartbeatMillis, 30_000),
      silenceMillis: millis("silenceMillis", given.silenceMillis, 90_000)
    },
    listeners: { onStateChange: given.onStateChange, onEvent: given.onEvent, logger: given.logger } as Pick<
      ConnectOptions,
      "onStateChange" | "onEvent" | "logger"
    >,
    hooks: { validate: given.validate, apply: given.apply, confirm: given.confirm } as Pick<
      ConnectOptions,
      "validate" | "apply" | "confirm"
    >
  }
}
