/** What the transport of a client does, on a socket or in a test. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import {
  type ConfigUpdate,
  ReportHealthRequest,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { ClosedError, ReportError } from "../../src/client/ClientError.ts"
import type { Ended, Transport } from "../../src/client/Transport.ts"
import { synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

/** The server's end of a stream. */
export interface Heard {
  /** After the hello. */
  readonly requests: () => ReadonlyArray<SubscribeRequest>
  readonly say: (update: Partial<ConfigUpdate>) => void
  /** The server ends it; 0 in peace. What it says begins with its code. */
  readonly end: (ended: Partial<Ended>) => void
  /** The client has left. */
  readonly left: () => boolean
}

export interface Ends {
  readonly transport: Transport
  /** Streams whose hello was heard, by instance. */
  readonly heard: (instance: string) => Heard | undefined
  /** What becomes of reports from now on. */
  readonly answer: (how: "taken" | "refused" | "none") => void
  readonly reports: () => number
  readonly close: () => Promise<void>
}

const hello = (instanceId: string) => SubscribeRequest.fromPartial({ serviceName: "shop", instanceId })
const part = (n: number) => SubscribeRequest.fromPartial({ heldMore: true, version: BigInt(n) })
const numbers = (requests: ReadonlyArray<SubscribeRequest>) => requests.map(({ version }) => Number(version))
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
const report = ReportHealthRequest.fromPartial({ serviceName: "shop", instanceId: "i" })

export const transports = (name: string, start: () => Promise<Ends>): void => {
  describe(`the transport of a client: ${name}`, () => {
    let close = async () => {}
    afterEach(() => close())

    const begin = async () => {
      const ends = await start()
      close = ends.close
      /** A stream, and all that its client hears. */
      const open = (instance = "i") => {
        const events: Array<string> = []
        const revisions: Array<number> = []
        const ends_: Array<Ended> = []
        let onMessage = (_: number) => {}
        const stream = ends.transport.open(hello(instance), {
          message: ({ revision }) => {
            events.push("message")
            revisions.push(Number(revision))
            onMessage(Number(revision))
          },
          writable: () => void events.push("writable"),
          ended: (ended) => {
            events.push("ended")
            ends_.push(ended)
          }
        })
        const server = async (): Promise<Heard> => {
          await until(() => ends.heard(instance) !== undefined)
          return ends.heard(instance)!
        }
        return { stream, events, revisions, ends: ends_, server, on: (then: (n: number) => void) => (onMessage = then) }
      }
      let fences = 0
      /** A stream after all that was done before is heard and answered, so that what should not come had its time. */
      const fence = async () => {
        const { stream, server, revisions } = open(`fence ${++fences}`)
        ;(await server()).say(synced(1))
        await until(() => revisions.length === 1)
        stream.drop()
        for (let n = 0; n < 20; n++) await turn()
      }
      return { ...ends, open, fence }
    }

    it("takes what is sent before it has begun without room for it, says when there is, and keeps the order", async () => {
      const { open } = await begin()
      const { stream, events, server } = open()
      const early = [stream.send(part(1)), stream.send(part(2))]
      const within = [...events]
      const { requests } = await server()
      await until(() => events.includes("writable") && requests().length === 2)
      assert.isTrue(stream.send(part(3)))
      await until(() => requests().length === 3)

      assert.deepStrictEqual([early, within], [[false, false], []])
      assert.deepStrictEqual(numbers(requests()), [1, 2, 3])
    })

    it("says that there is no room by the sixteenth message of a turn, takes it nevertheless, and says once when there is", async () => {
      const { open } = await begin()
      const { stream, events, server } = open()
      const { requests } = await server()
      await until(() => events.length > 0)
      const room = range(1, 40).map((n) => stream.send(part(n)))
      const within = events.length
      await until(() => events.length > within && requests().length === 40)

      assert.deepStrictEqual([room[0], room[15], room[39]], [true, false, false])
      assert.deepStrictEqual([events, within], [["writable", "writable"], 1])
      assert.deepStrictEqual(numbers(requests()), range(1, 40))
      assert.isTrue(stream.send(part(41)))
    })

    it("GT5 is heard no further while it is held, also from within a message; then all of it comes, in order", async () => {
      const { open, fence } = await begin()
      const { stream, revisions, server, on } = open()
      const { say } = await server()
      stream.hold(true)
      for (const n of range(1, 6)) say(value("shop", n, n))
      await fence()
      const held = [...revisions]
      on((n) => {
        if (n === 3) stream.hold(true)
      })
      stream.hold(false)
      const within = [...revisions]
      await until(() => revisions.length === 3)
      await fence()
      const again = [...revisions]
      stream.hold(false)
      await until(() => revisions.length === 6)

      assert.deepStrictEqual([held, within, again], [[], [], [1, 2, 3]])
      assert.deepStrictEqual(revisions, range(1, 6))
    })

    it("ends once, with the server's status, code, words without it, and advice, after all that it said; then nothing is taken", async () => {
      const { open, fence } = await begin()
      for (const ended of [
        { status: 0, message: "OK", code: undefined, hopeless: false, reconnectAfterMillis: undefined },
        { status: 14, message: "leaving", code: "HRLD-5001", hopeless: false, reconnectAfterMillis: 700 },
        {
          status: 10,
          message: "another took its name",
          code: "HRLD-5002",
          hopeless: true,
          reconnectAfterMillis: undefined
        }
      ]) {
        const { stream, events, ends, server } = open(`i${ended.status}`)
        const { say, end, requests } = await server()
        await until(() => events.length === 1)
        for (const n of range(1, 3)) say(value("shop", n, n))
        end(ended)
        await until(() => ends.length > 0)
        const late = stream.send(part(1))
        stream.hold(true)
        stream.hold(false)
        stream.drop()
        await stream.finish()
        await fence()

        assert.deepStrictEqual(ends, [ended])
        assert.deepStrictEqual(events, ["writable", "message", "message", "message", "ended"])
        assert.deepStrictEqual([late, requests().length], [false, 0])
      }
    })

    it("what was held when it was cut is not heard", async () => {
      const { open, fence } = await begin()
      const { stream, revisions, ends, server } = open()
      const { say, end } = await server()
      stream.hold(true)
      say(value("shop", 1, 1))
      await fence()
      end({ status: 14, message: "cut" })
      await until(() => ends.length > 0)
      stream.hold(false)
      await fence()

      assert.deepStrictEqual(revisions, [])
    })

    it("dropped, however often, it takes nothing, and no event follows; the server sees the client leave", async () => {
      const { open, fence } = await begin()
      const { stream, events, server } = open()
      const { say, end, left, requests } = await server()
      await until(() => events.length === 1)
      stream.drop()
      stream.drop()
      const late = stream.send(part(1))
      await until(left)
      say(value("shop", 1, 1))
      end({ status: 14 })
      await stream.finish()
      await fence()

      assert.deepStrictEqual([late, requests().length], [false, 0])
      assert.deepStrictEqual(events, ["writable"])
    })

    it("dropped or finished before it has begun, it never says hello", async () => {
      const { open, fence, heard } = await begin()
      const [dropped, finished] = [open("dropped"), open("finished")]
      for (const { stream } of [dropped, finished]) stream.send(part(1))
      dropped.stream.drop()
      await finished.stream.finish()
      await fence()

      assert.deepStrictEqual([heard("dropped"), heard("finished")], [undefined, undefined])
      assert.deepStrictEqual([...dropped.events, ...finished.events], [])
    })

    it("finished, it lets arrive what was sent, takes nothing more, and no event follows", async () => {
      const { open, fence } = await begin()
      const { stream, events, server } = open()
      const { requests, left } = await server()
      await until(() => events.length === 1)
      for (const n of range(1, 10)) stream.send(part(n))
      const going = stream.finish()
      const late = stream.send(part(11))
      await Promise.all([going, stream.finish()])
      await until(() => left() && requests().length === 10)
      await fence()

      assert.isFalse(late)
      assert.deepStrictEqual(numbers(requests()), range(1, 10))
      assert.deepStrictEqual(events, ["writable"])
    })

    it("a report that is not taken is a ReportError with the server's code", async () => {
      const { transport, answer } = await begin()
      assert.isTrue(await transport.reportHealth(report))
      answer("refused")
      const error = await transport.reportHealth(report).catch((error) => error)

      assert.instanceOf(error, ReportError)
      assert.strictEqual(error.code, "HRLD-3003")
    })

    it("GT4 closed, however often, it ends the reports that are not answered, and makes no other", async () => {
      const { transport, answer, reports, fence } = await begin()
      answer("none")
      const asked = transport.reportHealth(report).catch((error) => error)
      await until(() => reports() === 1)
      const begun = transport.reportHealth(report).catch((error) => error)
      transport.close()
      transport.close()
      const late = transport.reportHealth(report).catch((error) => error)

      for (const error of await Promise.all([asked, begun, late])) assert.instanceOf(error, ClosedError)
      await fence()
      assert.strictEqual(reports(), 1)
    })
  })
}
