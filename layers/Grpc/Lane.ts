/** The lane below the gRPC door: the gate is before its sockets, and its protections count for D2–D6. */
import type { Server as TlsServer } from "node:tls"
import { Places } from "../../src/access/Places.ts"
import { MESSAGE_BYTES } from "../../src/edge/grpc/Decode.ts"
import { addressOf, connections, exempting, gate as gateBefore } from "../Sockets/Gate.ts"
import { type Below, type BelowOptions, MAX_SEND } from "./Below.ts"
import { other, unknown, WAITING } from "./Gate.ts"
import { LaneServer, secured } from "./lane/LaneServer.ts"

export const onLane = (below: BelowOptions): Below => {
  const { options, gate, certificate, services, handlers, refuse, soon } = below
  const isExempt = exempting(gate.exempt)
  const [inAll, ofAddress] = WAITING
  const places = new Places([gate.maxConnections + inAll, gate.perAddress + ofAddress])
  const lane = new LaneServer({
    maxStreams: options.maxStreams,
    maxReceive: MESSAGE_BYTES,
    maxSend: MAX_SEND,
    handlers,
    refuse,
    ...(options.ending === undefined ? {} : { unread: options.ending.unread }),
    admit: (peer, begin) => {
      const address = addressOf(peer.socket)
      const exempt = isExempt(address)
      const place = places.take("", exempt ? undefined : address) // D6
      if (typeof place !== "number") {
        soon(() => {
          place()
          begin()
        })
        return true
      }
      refuse(place === 0 ? "waiting" : "waiting_of_address", address)
      if (!exempt) peer.unread()
      return false
    },
    // D5
    isStranger: (path, code, socket) =>
      (services.some((name) => path.startsWith(`/${name}/`)) ? unknown : other)(code) && !isExempt(addressOf(socket))
  })
  return {
    listen: () => {
      const pair = certificate?.now()
      const asks = pair?.ca !== undefined && {
        requestCert: true,
        rejectUnauthorized: options.clientCertificates === "required"
      }
      const server = lane.make(pair && { ...pair, ...asks })
      certificate?.keep({ setSecureContext: (pair) => (server as TlsServer).setSecureContext({ ...secured, ...pair }) }) // TC2
      gateBefore(server, { connection: connections(gate, refuse) }) // GA1
      return lane.listen(options.host, options.port)
    },
    leave: () => lane.shutdown(),
    unsent: () => lane.unsent,
    cut: () => lane.destroy()
  }
}
