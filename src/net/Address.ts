/**
 * `host:port` and hosts, written one way on every door: settings, SDK, CLI, Kafka's brokers, what a server announces. Pure.
 *
 *   HP1  An IPv6 address stands in brackets before a port, and may do so alone: `[::1]:50051`, `::1`, `[::1]`.
 *   HP2  What is not an address is refused, with the reason and what to write instead; nothing is guessed (a missing port is not 443).
 *   HP3  What a server announces can be dialled: a wildcard (`0.0.0.0`, `::`) is announced as loopback.
 *   HP4  What is limited by address goes by the /64 of an IPv6 address: whoever has one of a network has all of it, 2^64.
 */

export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string
  readonly port: number
}

/** What is wrong, and what to write instead; shown to a person after the text itself. */
export interface Wrong {
  readonly wrong: string
}

const V4 = /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/
/** RFC 1123, and the underscore of container networks. At most 253 characters. */
const NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/
const ZONE = /^[A-Za-z0-9._-]{1,32}$/

/** RFC 4291 as the URL parser reads it; a zone (`fe80::1%eth0`) may follow. */
const isV6 = (host: string): boolean => {
  const [address = "", ...zone] = host.split("%")
  if (zone.length > 1 || (zone.length === 1 && !ZONE.test(zone[0]!))) return false
  return address.includes(":") && /^[0-9a-fA-F:.]+$/.test(address) && URL.canParse(`http://[${address}]/`)
}

export const isIP = (host: string): boolean => V4.test(host) || isV6(host)

const isHost = (host: string): boolean => (/^[\d.]+$/.test(host) ? V4.test(host) : NAME.test(host)) || isV6(host)

/** A host alone: `127.0.0.1`, `herald.internal`, `::1` or `[::1]`. HP1. */
export const parseHost = (text: string): string | Wrong => {
  if (text === "") return { wrong: "is empty" }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    return { wrong: `is a URL. Leave out ${text.slice(0, text.indexOf("://") + 3)}` }
  const bare = /^\[(.*)\]$/.exec(text)?.[1]
  if (bare !== undefined) return isV6(bare) ? bare : { wrong: "has brackets around something that is no IPv6 address" }
  if (isHost(text)) return text
  if (typeof parseAddress(text) === "object" && !("wrong" in (parseAddress(text) as object)))
    return { wrong: "has a port. Give the host alone" }
  return { wrong: "is no host: a name, an IPv4 address or an IPv6 address" }
}

/** `host:port`. HP2. */
export const parseAddress = (text: string): Address | Wrong => {
  if (text === "") return { wrong: "is empty. Write host:port" }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    return { wrong: `is a URL. Write host:port, without ${text.slice(0, text.indexOf("://") + 3)}` }
  if (/[\s/?#@]/.test(text)) return { wrong: "has a space, a slash or a sign that no address has. Write host:port" }
  if (isV6(text)) return { wrong: `is an IPv6 address without a port. Write [${text}]:port` }
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d+))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || (bracketed !== undefined ? !isV6(bracketed) : !isHost(host))) {
    return { wrong: "is no address. Write host:port, and an IPv6 address in brackets: [::1]:50051" }
  }
  if (port === undefined) return { wrong: `has no port. Write ${text}:50051 if that is the port` }
  if (Number(port) < 1 || Number(port) > 65_535) return { wrong: `has the port ${port}. Ports are from 1 to 65535` }
  return { host, port: Number(port) }
}

/** The host as it is written in a URL and before a port. HP1. */
export const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host)

export const formatAddress = ({ host, port }: Address): string => `${bracketed(host)}:${port}`

/** Where a server that listens on `host` can be reached from this machine. HP3. */
export const dialable = (host: string): string =>
  host === "0.0.0.0" ? "127.0.0.1" : isV6(host) && /^[0:]*$/.test(host) ? "::1" : host

/** An IPv4 address that came mapped into IPv6 (RFC 4291, 2.5.5.2) as IPv4; any other as it is. */
export const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "")

/** As what an address counts where something is limited by address. HP4 */
export const countedAs = (address: string): string => {
  if (!address.includes(":")) return address
  const [before = "", behind] = address.split("%")[0]!.toLowerCase().split("::")
  const groups = before === "" ? [] : before.split(":")
  const rest = behind === undefined || behind === "" ? 0 : behind.split(/[:.]/).length - (behind.includes(".") ? 2 : 0)
  const zeros = behind === undefined ? 0 : Math.max(0, 8 - groups.length - rest)
  const all = [...groups, ...Array<string>(zeros).fill("0"), ...(behind ?? "").split(":")]
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`
}

/** Whether only this machine can be meant. */
export const isLoopback = (host: string): boolean =>
  /^localhost\.?$/i.test(host) ||
  (V4.test(host) && host.startsWith("127.")) ||
  (isV6(host) && ["[::1]", "[::ffff:7f00:1]"].includes(new URL(`http://[${host.split("%")[0]}]/`).hostname))
