/**
 * What a URL can carry in the token's place, for programs that can send no header: browsers' `EventSource`. Pure.
 *
 *   TI1  A ticket opens streams of the flags of one environment and does nothing else, for as long as its API key is good, and for at most two
 *        hours: until the end of the hour after the one it was made in.
 *   TI2  Within an hour it is the same text, on every node: whoever compares URLs finds that nothing changed.
 *   TI3  Nobody makes one without the nodes' pepper; the token is not in it.
 */
import { type Identity, maySome } from "./Identity.ts"

/** What the nodes have in common. */
export interface Marks {
  /** Hexadecimal. TI3 */
  readonly hash: (text: string) => string
  readonly equal: (a: string, b: string) => boolean
}

/** Milliseconds. */
const HOUR = 3_600_000
const TICKET = /^([a-z0-9]{1,32})\.(\d{1,12})\.([0-9a-f]{32})$/

const hourOf = (now: number): number => Math.floor(now / HOUR)
const markOf = (keyId: string, environment: string, hour: number, { hash }: Marks): string =>
  hash(`ticket for flags ${keyId} ${hour} ${environment}`).slice(0, 32)

/** When one that is made now ends at the latest. Milliseconds since 1970. TI1 */
export const endOf = (now: number): number => (hourOf(now) + 2) * HOUR

/** `now`: milliseconds since 1970. TI2 */
export const make = (keyId: string, environment: string, now: number, marks: Marks): string => {
  const hour = hourOf(now)
  return `${keyId}.${hour}.${markOf(keyId, environment, hour, marks)}`
}

/** What a ticket says: of which API key it is, and in which hour it was made. */
export interface Marked {
  readonly keyId: string
  readonly hour: number
}

/** Undefined: it is none for this environment. TI3 */
export const keyOf = (ticket: string, environment: string, marks: Marks): Marked | undefined => {
  const [, keyId = "", said = "", mark = ""] = TICKET.exec(ticket) ?? []
  const hour = Number(said)
  return keyId !== "" && marks.equal(mark, markOf(keyId, environment, hour, marks)) ? { keyId, hour } : undefined
}

/** Whether its time is over. The next hour may have begun on another node. TI1 */
export const isOver = ({ hour }: Marked, now: number): boolean => Math.abs(hourOf(now) - hour) > 1

/** Who has the ticket may what it opens, where its key still may. TI1 */
export const holder = (identity: Identity, environment: string): Identity => ({
  ...identity,
  role: "subscriber",
  environments: maySome(identity, "config.read", environment) ? [environment] : [],
  topics: []
})

const IN_URL = /([?&])ticket=([^&#]*)(&?)/

/** The scheme of a ticket in the header `authorization`. */
const SCHEME = "Ticket "

/** A URL without the ticket that it carries, and that as a header has it, which no log and no trace shows. */
export const takenOut = (url: string): readonly [url: string, header: string | undefined] => {
  const [found, before = "", ticket, more] = IN_URL.exec(url) ?? []
  return found === undefined ? [url, undefined] : [url.replace(found, more === "&" ? before : ""), `${SCHEME}${ticket}`]
}

/** The ticket in such a header. */
export const ticketIn = (header: string | undefined): string | undefined =>
  header?.startsWith(SCHEME) === true ? header.slice(SCHEME.length) : undefined
