/**
 * Fault 44: 500 programs hold streams of flags open and stop reading. They cost a document at most, a healthy neighbour has each change, and they get the newest.
 */
import { readFileSync } from "node:fs"
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2"
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CONNECTIONS = 50
const EACH = 10
const CHANGES = 60
/** Flags and characters of each: the document is far more than HTTP/2 lets go out unread. */
const [FLAGS, SIZE] = [100, 4_000]

/** A call of SyncFlags on HTTP/2 itself: nothing reads ahead of it, as grpc-js does by 16 messages. */
class Reader {
  /** Documents that it was sent. */
  documents = 0
  #pieces: Array<Buffer> = []
  #bytes = 0
  #last = ""
  ended = false
  readonly stream: ClientHttp2Stream

  constructor(session: ClientHttp2Session) {
    this.stream = session.request({
      ":method": "POST",
      ":path": "/flagd.sync.v1.FlagSyncService/SyncFlags",
      "content-type": "application/grpc",
      te: "trailers"
    })
    this.stream.on("data", (piece: Buffer) => this.#take(piece))
    for (const event of ["error", "end", "close"]) this.stream.on(event, () => (this.ended = true))
    this.stream.end(Buffer.alloc(5)) // an empty message
  }
  #take(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    while (this.#bytes >= 5) {
      if (this.#pieces[0]!.length < 5) this.#pieces = [Buffer.concat(this.#pieces)]
      const length = 5 + this.#pieces[0]!.readUInt32BE(1)
      if (this.#bytes < length) return
      const all = Buffer.concat(this.#pieces)
      this.#last = all.toString("latin1", 5, length)
      this.documents++
      this.#pieces = [all.subarray(length)]
      this.#bytes -= length
    }
  }
  has(round: number): boolean {
    return this.#last.includes(`"round ${round} `)
  }
}

describe("fault 44: stuck streams of flags", () => {
  it("FP5 FP9 memory stays bounded, a neighbour is told of each change, and the newest is what they get", async () => {
    await using server = await startServer({ FLAGS_ANONYMOUS: "production" })
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))![1]) * 1_024
    const flag = (n: number, round: number) => ({
      flag: `flag-${n}`,
      environment: "production",
      value: { state: "ENABLED", variants: { a: `round ${round} `.padEnd(SIZE, "x") }, defaultVariant: "a" }
    })
    const release = async (flags: ReadonlyArray<object>) => {
      const { status, body } = await server.call("POST", "/v1/releases", { changes: [], flags })
      assert.strictEqual(status, 200, JSON.stringify(body))
    }
    await release(Array.from({ length: FLAGS }, (_, n) => flag(n, 0)))
    const sessions = Array.from({ length: 1 + CONNECTIONS }, () => connect(`http://${server.grpc}`))
    for (const session of sessions) session.on("error", () => {})
    const healthy = new Reader(sessions[0]!)
    const stuck = sessions.slice(1).flatMap((session) => Array.from({ length: EACH }, () => new Reader(session)))
    await waitUntil("everybody to have the first document", () => [healthy, ...stuck].every((one) => one.has(0)))
    for (const { stream } of stuck) stream.pause()

    let slowest = 0
    let before = 0
    for (let round = 1; round <= CHANGES; round++) {
      await release([flag(7, round)])
      const from = performance.now()
      await waitUntil("the neighbour to have the change", () => healthy.has(round))
      slowest = Math.max(slowest, performance.now() - from)
      if (round === CHANGES / 4) before = rss()
    }
    // Queues without a bound would hold 500 × 45 × 400 kB = 9 GB.
    const grown = Math.max(0, rss() - before)
    assert.isBelow(grown, 200_000_000)
    for (const { ended } of stuck) assert.isFalse(ended)

    const from = performance.now()
    for (const { stream } of stuck) stream.resume()
    await waitUntil("the stuck ones to have the newest", () => stuck.every((one) => one.has(CHANGES)))
    const documents = Math.max(...stuck.map((one) => one.documents))
    // The first, one that waited in the transport, one that had begun, and the newest.
    assert.isAtMost(documents, 4)
    measured(44, "500 stuck readers of flagd.sync.v1, 60 changes of a document of 400 kB", {
      "resident memory more": `${Math.round(grown / 1e6)} MB`,
      "resident memory in all": `${Math.round(rss() / 1e6)} MB`,
      "a neighbour has a change, slowest": seconds(slowest),
      "documents a stuck one got, at most": documents,
      "all have the newest after they read again": seconds(performance.now() - from)
    })
    for (const session of sessions) session.destroy()
  })
})
