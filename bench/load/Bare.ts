/**
 * The peer: the least that grpc-js can do for the same clients. A PUT writes one ConfigUpdate of the same fields to every open stream;
 * nothing is stored, checked or kept. What Herald adds to it is the price of what Herald does.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as grpc from "@grpc/grpc-js"
import { DistributionServiceService, UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { encode, epoch, updateOf } from "./Same.ts"

type Call = grpc.ServerDuplexStream<unknown, Buffer>

const calls = new Set<Call>()
let version = 0
let last: Buffer | undefined

const subscribe = (call: Call) => {
  call.on("data", () => {
    if (calls.has(call)) return
    calls.add(call)
    if (last !== undefined) call.write(last)
    call.write(encode({ kind: UpdateKind.UPDATE_KIND_SYNCED, epoch, revision: BigInt(version) }))
  })
  call.on("end", () => call.end())
  for (const event of ["error", "cancelled"]) call.on(event, () => calls.delete(call))
}

const publish = (key: string, text: string) => {
  const { value } = JSON.parse(text) as { readonly value: unknown }
  version++
  last = updateOf(key, version, value)
  for (const call of calls) call.write(last)
  return JSON.stringify({ key, version })
}

const server = new grpc.Server({ "grpc.max_concurrent_streams": 20_000 })
const refuse = (_: unknown, reply: (error: { code: grpc.status }) => void) => reply({ code: grpc.status.UNIMPLEMENTED })
server.addService(
  {
    ...DistributionServiceService,
    subscribe: { ...DistributionServiceService.subscribe, responseSerialize: (bytes: unknown) => bytes as Buffer }
  },
  { subscribe, reportHealth: refuse, heartbeat: refuse } as unknown as grpc.UntypedServiceImplementation
)

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

server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  http.listen(0, "127.0.0.1", () =>
    process.send!({ http: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, grpc: `127.0.0.1:${port}` })
  )
})
process.on("disconnect", () => process.exit())
