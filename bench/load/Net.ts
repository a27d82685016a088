/**
 * The floor: what writing the same bytes to as many sockets costs, with HTTP/2 written by hand and nothing of it checked. A PUT frames one
 * ConfigUpdate once and writes it to every connection; what clients answer is read and dropped.
 */
import { createServer } from "node:http"
import { type AddressInfo, createServer as createTcp, type Socket } from "node:net"
import * as Frames from "./Frames.ts"
import { updateOf } from "./Same.ts"

const sockets = new Set<Socket>()
let version = 0
let last: Buffer | undefined

const publish = (key: string, text: string): string => {
  const { value } = JSON.parse(text) as { readonly value: unknown }
  version++
  last = Frames.dataFrame(updateOf(key, version, value))
  for (const socket of sockets) socket.write(last)
  return JSON.stringify({ key, version })
}

const tcp = createTcp({ noDelay: true }, (socket) => {
  socket.on("error", () => {})
  socket.on("close", () => sockets.delete(socket))
  socket.on("data", () => {
    if (sockets.has(socket)) return
    sockets.add(socket)
    const parts = [Frames.hello(), ...(last === undefined ? [] : [last]), Frames.dataFrame(Buffer.from([0x68, 2]))]
    socket.write(Buffer.concat(parts)) // kind (13): synced
  })
})

const http = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const key = /\/v1\/config\/([^?]+)/.exec(request.url ?? "")?.[1] ?? ""
    const body = publish(key, Buffer.concat(chunks).toString())
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
    response.end(body)
  })
})

const portOf = (server: { readonly address: () => unknown }) => (server.address() as AddressInfo).port
tcp.listen(0, "127.0.0.1", 1_024, () =>
  http.listen(0, "127.0.0.1", () =>
    process.send!({ http: `http://127.0.0.1:${portOf(http)}`, grpc: `127.0.0.1:${portOf(tcp)}` })
  )
)
process.on("disconnect", () => process.exit())
