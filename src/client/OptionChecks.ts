/** What checks of options share: how a value is read once, and what is said of one that is wrong. Pure. As CheckedOptions.ts has it, OP1, OP2. */
import { wrongName, wrongText } from "../keys/ClientName.ts"
import { formatAddress, parseAddress } from "../net/Address.ts"
import { wrongToken } from "./Bearer.ts"
import { messageOf, OptionError } from "./ClientError.ts"
import type { ConnectOptions } from "./Options.ts"

/** A timer of more would fire at once. */
const longestMillis = 2 ** 31 - 1
export const refuse = (what: string): never => {
  throw new OptionError(what)
}

export const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80))
  if (value === null || value === undefined) return String(value)
  return `${typeof value === "object" ? "an" : "a"} ${typeof value}`
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** OP2. */
export const copied = (options: unknown, name: string, known: ReadonlyArray<string>): Record<string, unknown> => {
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

export const millis = (name: string, value: unknown, otherwise: number): number => {
  if (value === undefined) return otherwise
  if (typeof value === "number" && value > 0 && value <= longestMillis) return value
  return refuse(
    `${name} is ${typeof value === "number" ? value : shown(value)}. Give milliseconds, above 0 and at most ${longestMillis}.`
  )
}

/** OP3. `wrong`: the rule for such a text. */
export const named = (
  name: string,
  value: unknown,
  wrong: (text: string) => string | undefined = wrongName
): string => {
  if (typeof value !== "string" && value !== undefined) return refuse(`${name} is ${shown(value)}. Give a text.`)
  const why = value === undefined ? "is missing" : wrong(value)
  return why === undefined ? (value as string) : refuse(`${name} ${why}.`)
}

/** The rule for names of files, folders and hosts. */
export const anyText = (longest: number) => (text: string) => (text === "" ? "is missing" : wrongText(text, longest))

/** Of the HTTP door, which speaks WebSockets. */
const URL_OF_HTTP = /^(https?|wss?):\/\//

const urlOf = (one: string): string => {
  const url = URL.canParse(one) ? new URL(one) : undefined
  if (url === undefined || url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "")
    return refuse(`address ${shown(one)} is no URL such as https://herald.example.com.`)
  return one.replace(/\/+$/, "")
}

export const addressesOf = (given: unknown): ReadonlyArray<string> => {
  const all: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  if (all.length === 0) refuse("address is empty. Give the host:port of at least one node.")
  const ofHttp = all.filter((one) => typeof one === "string" && URL_OF_HTTP.test(one))
  if (ofHttp.length > 0 && ofHttp.length < all.length)
    refuse("address has host:port beside URLs. Give one kind: host:port for gRPC, https://host for a WebSocket.")
  return all.map((one) => {
    if (typeof one === "string" && ofHttp.length > 0) return urlOf(one)
    if (typeof one !== "string")
      return refuse(`address is ${one === undefined ? "missing" : shown(one)}. Write host:port.`)
    const parsed = parseAddress(one)
    return "wrong" in parsed ? refuse(`address ${shown(one)} ${parsed.wrong}.`) : formatAddress(parsed)
  })
}

export const tokenOf = (token: unknown): ConnectOptions["token"] => {
  if (token === undefined || token === "" || typeof token === "function") return token as ConnectOptions["token"]
  const wrong = wrongToken(token)
  if (wrong !== undefined) refuse(`token ${wrong}.`)
  return token as string
}

export const tlsOf = (given: unknown): ConnectOptions["tls"] => {
  if (given === undefined || typeof given === "boolean") return given
  const tls = copied(given, "tls", ["rootCertificates", "privateKey", "certificateChain", "serverName"])
  for (const name of ["rootCertificates", "privateKey", "certificateChain"] as const) {
    const pem = tls[name]
    if (pem !== undefined && typeof pem !== "string" && !(pem instanceof Uint8Array))
      refuse(`tls.${name} is a ${typeof pem}. Give the text of a PEM file, or its bytes.`)
  }
  if (tls["serverName"] !== undefined) named("tls.serverName", tls["serverName"], anyText(253))
  return tls as ConnectOptions["tls"]
}

/** Each of them is a function, or left out. */
export const functionsOf = (given: Readonly<Record<string, unknown>>, names: ReadonlyArray<string>): void => {
  for (const name of names) {
    if (given[name] !== undefined && typeof given[name] !== "function")
      refuse(`${name} is a ${typeof given[name]}. Give a function.`)
  }
}

/** A whole number; `of`: what it counts, for people. */
export const whole = (name: string, value: unknown, otherwise: number, most: number): number => {
  if (value === undefined) return otherwise
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value
  return refuse(
    `${name} is ${typeof value === "number" ? value : shown(value)}. It is 1 to ${most.toLocaleString("en")}.`
  )
}

/** `reconnect`, of which each may be left out. */
export const reconnectOf = (given: unknown) => {
  const reconnect = given === undefined ? {} : copied(given, "reconnect", ["baseMillis", "capMillis", "stableMillis"])
  return {
    baseMillis: millis("reconnect.baseMillis", reconnect["baseMillis"], 250),
    capMillis: millis("reconnect.capMillis", reconnect["capMillis"], 20_000),
    stableMillis: millis("reconnect.stableMillis", reconnect["stableMillis"], 10_000)
  }
}

/** A proxy's address, which the dial reads. */
export const proxyOf = (given: unknown): string | undefined =>
  given === undefined || typeof given === "string"
    ? given
    : refuse("proxy is no text. Write http://host:port, or leave it out.")
