/** What the transport of a session does, on a socket or in a test. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import type { Sink } from "../../src/sessions/Session.ts"
import type { Update } from "../../src/updates/Update.ts"
import { turn, until } from "../support/turn.ts"

/** Both ends of one call. */
export interface Ends {
  readonly sink: Sink
  /** True: the client reads no further. */
  readonly hold: (held: boolean) => void
  /** What reached the client, in words: `drain` with its number, or the kind. */
  readonly got: () => ReadonlyArray<string>
  /** The server ends the call. */
  readonly end: () => void
  /** The client goes, and the server has noticed when this answers. */
  readonly leave: () => Promise<void>
  /** What is on its way to a client that is still there has arrived. */
  readonly arrived: () => Promise<void>
  readonly close: () => Promise<void>
}

const drain = (n: number): Update => ({ kind: "drain", reconnectAfterMillis: n })
const large = (n: number, length: number): Update => ({
  ...{ kind: "problem", environment: "production", revision: 1n, epoch: "e" },
  ...{ key: `k${n}`, message: "x".repeat(length) }
})
/** More than any window between the ends. */
const MANY = 12
const LARGE = 1_000_000

export const sinks = (name: string, open: () => Promise<Ends>): void => {
  describe(`the transport of a session: ${name}`, () => {
    let close = async () => {}
    afterEach(() => close())
    const start = async () => {
      const ends = await open()
      close = ends.close
      return ends
    }

    it("G12 keeps the order, also of what was written although it said that it is full", async () => {
      const { sink, got } = await start()
      for (let n = 1; n <= 100; n++) sink.write(drain(n))
      await until(() => got().length === 100)

      assert.deepStrictEqual(
        got(),
        Array.from({ length: 100 }, (_, i) => `drain ${i + 1}`)
      )
    })

    it("G12 says that it is full by the bytes of a turn, and calls back once, in another", async () => {
      const { sink, got, arrived } = await start()
      const room = Array.from({ length: 16 }, (_, n) => sink.write(large(n, 5_000)))
      let calls = 0
      sink.drained(() => calls++)
      const within = calls
      await until(() => calls > 0)
      assert.isTrue(sink.write(drain(16)))
      await until(() => got().length === 17)
      await arrived()

      assert.deepStrictEqual([room[0], room.at(-1)], [true, false])
      assert.deepStrictEqual([within, calls], [0, 1])
    })

    it("calls back in another turn when nothing waits, too", async () => {
      const { sink } = await start()
      let calls = 0
      sink.drained(() => calls++)
      const within = calls
      await until(() => calls > 0)

      assert.deepStrictEqual([within, calls], [0, 1])
    })

    it("G12 is full while the client reads nothing; all that it took arrives when it does", async () => {
      const { sink, hold, got } = await start()
      hold(true)
      let room = true
      for (let n = 0; n < MANY; n++) room = sink.write(large(n, LARGE))
      let calls = 0
      sink.drained(() => calls++)
      for (let n = 0; n < 200; n++) await turn()
      assert.deepStrictEqual([room, sink.write(drain(1)), calls], [false, false, 0])
      hold(false)
      await until(() => calls > 0 && got().length === MANY + 1)

      assert.strictEqual(got().at(-1), "drain 1")
      assert.strictEqual(calls, 1)
      assert.isTrue(sink.write(drain(2)))
    })

    it("throws for what no wire carries; nothing of it is sent, and what follows is", async () => {
      const { sink, got } = await start()
      sink.write(drain(1))
      assert.throws(() => sink.write({ ...large(0, 1), revision: "not a number" } as never))
      assert.isTrue(sink.write(drain(2)))
      await until(() => got().length === 2)

      assert.deepStrictEqual(got(), ["drain 1", "drain 2"])
    })

    it("takes nothing once the call was ended, however often; what it took before arrives", async () => {
      const { sink, got, end, arrived } = await start()
      for (let n = 1; n <= 20; n++) sink.write(drain(n))
      end()
      end()
      const late = sink.write(drain(21))
      await until(() => got().length === 20)
      await arrived()

      assert.deepStrictEqual([late, sink.write(drain(22))], [false, false])
      assert.strictEqual(got().length, 20)
    })

    it("takes nothing for a client that is gone, and does not call back who waited for it", async () => {
      const { sink, hold, got, leave } = await start()
      hold(true)
      for (let n = 0; n < MANY; n++) sink.write(large(n, LARGE))
      let calls = 0
      sink.drained(() => calls++)
      await leave()
      const before = got().length
      const late = [sink.write(drain(1)), sink.write(drain(2))]
      for (let n = 0; n < 200; n++) await turn()

      assert.deepStrictEqual([late, calls, got().length], [[false, false], 0, before])
    })
  })
}
