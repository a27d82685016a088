/**
 * Limits connections to a door, in all and by address, before a byte of them is read.
 *
 *   GA1  No more than `maxConnections` are open, and no more than `perAddress` from one address; the next one is closed at once, those
 *        that are open stay.
 *   GA2  Addresses that are `exempt`, such as a proxy's, count in all and not by address.
 */
import type { EventEmitter } from "node:events"
import { BlockList, isIPv6, type Socket } from "node:net"
import { Places } from "../../src/access/Places.ts"
import type { Refuse } from "../../src/access/Refusals.ts"
import { countedAs, unmapped } from "../../src/net/Address.ts"

export interface GateOptions {
  readonly maxConnections: number
  readonly perAddress: number
  /** Addresses and networks, such as 127.0.0.0/8. */
  readonly exempt: ReadonlyArray<string>
}

type Admit = (...args: ReadonlyArray<never>) => boolean

/** Lets listeners of the server's events hear only of what `admits` admits. */
export const gate = (server: EventEmitter, admits: Readonly<Record<string, Admit>>): void => {
  const emit = server.emit.bind(server)
  server.emit = (event: string | symbol, ...args: Array<unknown>) => {
    const admit = typeof event === "string" ? admits[event] : undefined
    return admit === undefined || admit(...(args as Array<never>)) ? emit(event, ...args) : true
  }
}

export const addressOf = (socket: { readonly remoteAddress?: string | undefined }): string =>
  unmapped(socket.remoteAddress ?? "unknown")

/** Addresses of which it is remembered whether they are exempt: each request asks. */
const KNOWN = 1_024

/** GA2 */
export const exempting = (networks: ReadonlyArray<string>): ((address: string) => boolean) => {
  const list = new BlockList()
  for (const network of networks) {
    const [address = "", bits] = network.split("/")
    const family = isIPv6(address) ? "ipv6" : "ipv4"
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  const known = new Map<string, boolean>()
  return (address) => {
    const before = known.get(address)
    if (before !== undefined) return before
    if (known.size >= KNOWN) known.clear()
    const is = list.check(address, isIPv6(address) ? "ipv6" : "ipv4")
    known.set(address, is)
    return is
  }
}

/** Admits a connection, or closes it. GA1 */
export const connections = (options: GateOptions, refuse: Refuse): ((socket: Socket) => boolean) => {
  const places = new Places([options.maxConnections, options.perAddress])
  const isExempt = exempting(options.exempt)
  return (socket) => {
    const address = addressOf(socket)
    const place = places.take("", isExempt(address) ? undefined : countedAs(address))
    if (typeof place === "number") {
      refuse(place === 0 ? "connections" : "connections_of_address", address)
      socket.destroy()
      return false
    }
    socket.once("close", place)
    return true
  }
}
