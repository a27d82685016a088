/** What a caller shows of itself, as a door has it. */
import type { Door } from "../limits/Rules.ts"
import type { Certificate } from "./Certificates.ts"

export interface Shown {
  /** `Bearer <token>`, or a bare token. */
  readonly token?: string | undefined
  /** Of the client's end of the connection, where it sent one that the door believes. */
  readonly certificate?: Certificate | undefined
  /** Where it calls from. */
  readonly address?: string | undefined
  /** Where it came in. */
  readonly door?: Door
  /** The environment that its head names: what it counts in. */
  readonly environment?: string | undefined
}

/** A ticket that opens streams of an environment's flags. TI1 in Ticket.ts */
export interface ShownTicket extends Pick<Shown, "address" | "door"> {
  readonly ticket: string
  readonly environment: string
}

/** Three parts with dots: a JWT (RFC 7515, compact). No API key has a dot. */
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/

export const isJwt = (token: string): boolean => JWT.test(token)
