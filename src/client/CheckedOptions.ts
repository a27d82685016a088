/**
 * Checks the options, before anything is opened. Pure.
 *
 *   OP1  Whatever is wrong, an unknown name too, is an `OptionError` that says which option, why, and what to write. It shows no secret.
 *   OP2  Each option is read once: what the application changes in the object afterwards changes nothing.
 *   OP3  What a server would refuse of a client's name, labels and patterns is refused here.
 */
import { MOST_LABELS, wrongLabel } from "../keys/ClientName.ts"
import { DEFAULT_ENVIRONMENT, wrongEnvironment } from "../keys/Environment.ts"
import { nameOf } from "../keys/Name.ts"
import { defaultPatterns, MOST_PATTERNS, wrongPattern } from "../keys/Pattern.ts"
import { EVERY_FLAG, FLAG } from "./ClientFlags.ts"
import { mostBytes } from "./Held.ts"
import {
  addressesOf,
  anyText,
  copied,
  functionsOf,
  isRecord,
  millis,
  named,
  proxyOf,
  reconnectOf,
  refuse,
  shown,
  tlsOf,
  tokenOf
} from "./OptionChecks.ts"
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
  lastKnownGood: ["directory", "delayMillis", "labels"],
  bootstrap: ["file", "values"]
} as const

const functions = ["onStateChange", "onEvent", "logger", "validate", "apply", "confirm", "health"] as const

const environmentOf = (given: unknown): string => {
  const wrong = typeof given === "string" ? wrongEnvironment(given) : "is not a text"
  return wrong === undefined ? (given as string) : refuse(`environment is ${shown(given)}, which ${wrong}.`)
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

export type Checked = ReturnType<typeof check>

/** Throws `OptionError`. OP1. */
export const check = (options: ConnectOptions, instanceName: () => string) => {
  const given = copied(options, "", names[""]) as Partial<Record<(typeof names)[""][number], unknown>>
  functionsOf(given, functions)
  const { waitForSync, defaults, proxy } = given
  if (waitForSync !== undefined && typeof waitForSync !== "boolean") refuse("waitForSync is neither true nor false.")
  if (defaults !== undefined && !isRecord(defaults)) refuse("defaults must be an object of key to value.")
  const reconnect = reconnectOf(given.reconnect)
  const dialling = { token: tokenOf(given.token), tls: tlsOf(given.tls), proxy: proxyOf(proxy), reconnect }
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
    ...dialling,
    lastKnownGood: directoryOf(given.lastKnownGood, labels),
    bootstrap: bootstrapOf(given.bootstrap),
    defaults: { ...(defaults as Readonly<Record<string, unknown>> | undefined) },
    waitForSync: waitForSync === true,
    connectTimeoutMillis: millis("connectTimeoutMillis", given.connectTimeoutMillis, 10_000),
    hookTimeoutMillis: millis("hookTimeoutMillis", given.hookTimeoutMillis, 30_000),
    health: given.health as ConnectOptions["health"],
    healthMillis: millis("healthMillis", given.healthMillis, 5_000),
    connection: {
      ...reconnect,
      heartbeatMillis: millis("heartbeatMillis", given.heartbeatMillis, 30_000),
      silenceMillis: millis("silenceMillis", given.silenceMillis, 90_000)
    },
    /** How topics are dialled. */
    dialling: { ...dialling, logger: given.logger as ConnectOptions["logger"] },
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
