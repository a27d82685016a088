/** The lane below the gRPC door: the gate is before its sockets, and its protections count for D2–D6. */

import type { Socket } from "node:net"
import type { Server as TlsServer } from "node:tls"
import { Places } from "../../src/access/Places.ts"
import { MESSAGE_BYTES } from "../../src/edge/grpc/Decode.ts"
import { countedAs } from "../../src/net/Address.ts"
import { addressOf, connections, exempting, gate as gateBefore } from "../Sockets/Gate.ts"
import { certificateOf, isWrong } from "../Sockets/PeerCertificate.ts"
import type { Below, BelowOptions } from "./Below.ts"
import { Http1 } from "./connect/Http1.ts"
import { Http2 } from "./connect/Http2.ts"
import { other, unknown, WAITING } from "./Gate.ts"
import { LaneServer, type Peer, securely } from "./lane/LaneServer.ts"
import { MAX_SEND } from "./MaxSend.ts"

export const onLane = (below: BelowOptions): Below => {
  const { options, gate, certificate, services, handlers, largest, connect, origins, refuse, defect, soon } = below
  const { isRefused = isWrong } = below
  const isExempt = exempting(gate.exempt)
  const [inAll, ofAddress] = WAITING
  const places = new Places([gate.maxConnections + inAll, gate.perAddress + ofAddress])
  type Caller = Omit<Peer, "stranger">
  const admit = ({ socket, unread }: Caller, begin: () => void) => {
    const address = addressOf(socket)
    const exempt = isExempt(address)
    const place = places.take("", exempt ? undefined : countedAs(address)) // D6
    if (typeof place !== "number") {
      soon(() => {
        place()
        begin()
      })
      return true
    }
    refuse(place === 0 ? "waiting" : "waiting_of_address", address)
    if (!exempt) unread()
    return false
  }
  // D5
  const isStranger = (path: string, code: number, socket: Socket) =>
    (services.some((name) => path.startsWith(`/${name}/`)) ? unknown : other)(code) && !isExempt(addressOf(socket))
  const http1 = new Http1({
    ...{ connect, origins, refuse, defect, isStranger, certificateOf },
    admit: (socket, begin) => admit({ socket, unread: () => {} }, begin)
  })
  const http2 = new Http2({ connect, origins, refuse })
  const lane = new LaneServer({
    maxStreams: options.maxStreams,
    maxReceive: (path) => largest?.get(path) ?? MESSAGE_BYTES,
    maxSend: MAX_SEND,
    handlers,
    refuse,
    ...(options.ending === undefined ? {} : { unread: options.ending.unread }),
    admit,
    isRefused,
    isStranger,
    defect,
    http1: http1.accept,
    other: (stream, request, { peer, certificate }, caller) =>
      http2.take(stream, request, {
        ...{ peer, certificate, onDefect: defect },
        admit: (begin) => admit(caller, begin),
        onStatus: (code) => {
          if (isStranger(request.path, code, caller.socket)) queueMicrotask(caller.stranger)
        }
      })
  })
  return {
    listen: () => {
      const pair = certificate?.now()
      const asks = pair?.ca !== undefined && {
        requestCert: true,
        rejectUnauthorized: options.clientCertificates === "required"
      }
      const server = lane.make(pair && { ...pair, ...asks })
      certificate?.keep({ setSecureContext: (pair) => (server as TlsServer).setSecureContext(securely(pair)) }) // TC2
      gateBefore(server, { connection: connections(gate, refuse) }) // GA1
      return lane.listen(options.host, options.port)
    },
    leave: async () => void (await Promise.all([lane.shutdown(), http1.leave()])),
    unsent: () => lane.unsent,
    cut: () => {
      lane.destroy()
      http1.cut()
    }
  }
}
