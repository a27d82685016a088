/**
 * How events of one size are written and read in each protocol, so that one program can be the client of all.
 *
 *   BZ1  in FanEvent.ts
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire"
import { ReadRequest } from "../../proto/generated/herald/topics/v1/topics.ts"
import { type Cutter, EVENT, Followed, type Got, put } from "./FanEvent.ts"
import { Calls } from "./FanFrames.ts"
import { Lines } from "./FanLines.ts"
import * as Frames from "./Frames.ts"

const READ = "/herald.topics.v1.TopicService/Read"
const WATCH = "/etcdserverpb.Watch/Watch"

export type Protocol = "herald" | "nats" | "redis" | "etcd"

/** One of many filters, of which each takes the events with an even number. */
export const filterOf = (n: number): string => `price > ${20_000 + 500 * (n % 100)}.0`

/** What stands before an event and behind it. */
const around: Readonly<Record<Exclude<Protocol, "etcd">, readonly [before: Buffer, behind: string]>> = {
  herald: [Buffer.from([0x32, EVENT + 2, 0x12, EVENT]), ""],
  nats: [Buffer.from(`PUB t ${EVENT}\r\n`), "\r\n"],
  redis: [Buffer.from(`*3\r\n$7\r\nPUBLISH\r\n$1\r\nt\r\n$${EVENT}\r\n`), "\r\n"]
}

/** `count` events from `first` on, as they are published. */
export const batch = (protocol: Exclude<Protocol, "etcd">, first: number, count: number): Buffer => {
  const [before, behind] = around[protocol]
  const head = protocol === "herald" ? 8 : 0
  const size = before.length + EVENT + behind.length
  const bytes = Buffer.allocUnsafe(head + count * size)
  if (head > 0) {
    bytes.writeUInt32BE(count * size, 0)
    bytes.writeUInt32BE(count, 4)
  }
  for (let n = 0; n < count; n++) {
    const at = head + n * size
    before.copy(bytes, at)
    put(bytes, at + before.length, first + n)
    bytes.write(behind, at + before.length + EVENT, "latin1")
  }
  return bytes
}

/** The same for etcd, whose most efficient way is one transaction: a key for each of them, which all readers watch (api/etcdserverpb/rpc.proto). */
export const transaction = (first: number, count: number): Uint8Array => {
  const txn = new BinaryWriter()
  for (let n = 0; n < count; n++) {
    const value = Buffer.allocUnsafe(EVENT)
    put(value, 0, first + n)
    txn.uint32(18).fork().uint32(18).fork()
    txn
      .uint32(10)
      .string(`t${String(n).padStart(3, "0")}`)
      .uint32(18)
      .bytes(value)
    txn.join().join()
  }
  return txn.finish()
}

/** What a reader of Herald asks for. `filter`: CEL. */
const asked = (filter: string): Uint8Array =>
  ReadRequest.encode(ReadRequest.fromPartial({ topic: "t", filter })).finish()

/** WatchRequest { create_request { key, range_end } } */
const watched = (): Uint8Array =>
  new BinaryWriter().uint32(10).fork().uint32(10).string("t").uint32(18).string("u").join().finish()

/** What a reader says first. */
export const opening = (protocol: Protocol, filter = ""): Buffer => {
  if (protocol === "nats") return Buffer.from('CONNECT {"verbose":false}\r\nSUB t 1\r\n')
  if (protocol === "redis") return Buffer.from("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nt\r\n")
  const [first, path] = protocol === "etcd" ? [watched(), WATCH] : [asked(filter), READ]
  return Buffer.concat([
    Frames.opening("127.0.0.1", "any", first, path),
    Frames.wideOpen(Frames.WINDOW),
    Frames.frame(Frames.SETTINGS, Frames.ACK, 0, Buffer.alloc(0))
  ])
}

/** `say`: to the server. */
export const cutter = (protocol: Protocol, got: Got, step: number, say: (bytes: Buffer) => void): Cutter => {
  const followed = new Followed(got, step)
  return protocol === "herald" || protocol === "etcd"
    ? new Calls(protocol, followed, say)
    : new Lines(protocol, followed)
}
