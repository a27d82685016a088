/**
 * What opens one stream in a token's place, for pages whose server has the token. Pure.
 *
 *   XT1  A ticket says whose it is and until when, and nobody makes or changes one without the nodes' pepper; the token is not in it.
 *   XT2  It opens `/v1/stream` alone, within 30 s, with the rights of who asked for it.
 *   XT5  What its bearer may is in it, not where it was asked for: no door, no address.
 */
import type { Identity } from "./Identity.ts"
import type { Marks } from "./Ticket.ts"

/** Milliseconds. XT2 */
export const LASTS = 30_000
export const PREFIX = "hrtk_"
/** Characters. */
const LONGEST = 8_192
const FORM = /^hrtk_([A-Za-z0-9_-]+)\.([0-9a-f]{64})$/

export interface SocketTicket {
  /** Of this one. */
  readonly id: string
  readonly identity: Identity
  /** Milliseconds since 1970. */
  readonly until: number
  /** The run of the node that has to be asked whether it was used; undefined: any may be. */
  readonly node: string | undefined
}

const markOf = (said: string, { hash }: Marks): string => hash(`ticket for a stream ${said}`)

/** XT5 */
const anywhere = ({ door: _, address: __, notes: ___, ...identity }: Identity): Identity => identity

/** XT1. Undefined: who asks has rights that take more room than a first message has. */
export const write = (ticket: SocketTicket, marks: Marks): string | undefined => {
  const said = Buffer.from(JSON.stringify({ ...ticket, identity: anywhere(ticket.identity) })).toString("base64url")
  const text = `${PREFIX}${said}.${markOf(said, marks)}`
  return text.length > LONGEST ? undefined : text
}

/** Undefined: it is none. Its time may be over. XT1 */
export const read = (text: string, marks: Marks): SocketTicket | undefined => {
  if (text.length > LONGEST) return undefined
  const [, said = "", mark = ""] = FORM.exec(text) ?? []
  if (said === "" || !marks.equal(mark, markOf(said, marks))) return undefined
  const ticket = JSON.parse(Buffer.from(said, "base64url").toString()) as SocketTicket
  // Another version of Herald may have said where it was asked for.
  return { ...ticket, identity: anywhere(ticket.identity) }
}
