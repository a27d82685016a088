/** What `health` of the options makes known. */
import { assert, describe, it } from "@effect/vitest"
import { Health } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { ClientEvent, ConnectOptions, HealthAnswer } from "../../src/client/HeraldClient.ts"
import { connected, type FakeTransport } from "../support/FakeTransport.ts"
import { synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

const words = {
  [Health.HEALTH_HEALTHY]: "healthy",
  [Health.HEALTH_DEGRADED]: "degraded",
  [Health.HEALTH_UNHEALTHY]: "unhealthy"
}
const said = ({ reports }: FakeTransport) =>
  reports.map(
    ({ health, revision, message }) =>
      `${(words as Record<number, string>)[health]} @${revision}${message && ` ${message}`}`
  )
const turns = async () => {
  for (let n = 0; n < 20; n++) await turn()
}

/** A client whose application is as `is` says. */
const asked = async (is: () => HealthAnswer | Promise<HealthAnswer>, options: Partial<ConnectOptions> = {}) => {
  let count = 0
  const events: Array<ClientEvent> = []
  const made = await connected([value("shop", 1, 1)], {
    health: () => {
      count++
      return is()
    },
    onEvent: (event) => void events.push(event),
    ...options
  })
  await turns()
  return { ...made, events, times: () => count }
}

describe("the health of an application", () => {
  it("HC1 HC4 is asked when live, after a change, and every healthMillis, and reported when it is news", async () => {
    let is: HealthAnswer = "healthy"
    const { client, clock, transport, times } = await asked(() => is)
    assert.deepStrictEqual(said(transport), ["healthy @1"])
    await clock.advance(5_000)
    await turns()
    assert.deepStrictEqual([times(), said(transport).length], [2, 1])
    is = "unhealthy"
    await clock.advance(5_000)
    await turns()
    assert.deepStrictEqual(said(transport), ["healthy @1", "unhealthy @1"])
    is = "healthy"
    transport.say(value("shop", 2, 2))
    await client.settled()
    await turns()
    assert.deepStrictEqual(said(transport).slice(2), ["healthy @2"])
    for (let n = 0; n < 6; n++) {
      await clock.advance(5_000)
      await turns()
    }
    assert.deepStrictEqual(said(transport).slice(3), ["healthy @2"])
    await client.close()
  })

  it("HC3 goes with the position at which it was asked", async () => {
    const answers: Array<(answer: HealthAnswer) => void> = []
    const { client, transport } = await asked(() => new Promise((answer) => answers.push(answer)))
    transport.say(value("shop", 2, 2))
    await client.settled()
    answers[0]!("healthy")
    await turns()
    assert.deepStrictEqual([said(transport), answers.length], [["healthy @1"], 2])
    answers[1]!("unhealthy")
    await turns()
    assert.deepStrictEqual(said(transport).slice(1), ["unhealthy @2"])
    await client.close()
  })

  it("HC2 what it throws is unhealthy, and so is an answer that does not come; it is not called again before it ended", async () => {
    const thrown = await asked(() => {
      throw new Error("no database")
    })
    assert.deepStrictEqual(said(thrown.transport), ["unhealthy @1 health: no database"])
    await thrown.client.close()

    let end = (_: HealthAnswer) => {}
    let signal: AbortSignal | undefined
    const hung = await connected([value("shop", 1, 1)], {
      health: (ask) => {
        signal = ask.signal
        return new Promise((answer) => (end = answer))
      },
      hookTimeoutMillis: 1_000
    })
    await turns()
    const first = end
    await hung.clock.advance(1_000)
    await turns()
    assert.deepStrictEqual(said(hung.transport), ["unhealthy @1 health: no answer in 1000 ms"])
    assert.isTrue(signal?.aborted)
    await hung.clock.advance(10_000)
    await turns()
    assert.strictEqual(end, first)
    first("healthy")
    await turns()
    for (let n = 0; n < 20 && end === first; n++) {
      await hung.clock.advance(500)
      await turns()
    }
    assert.notStrictEqual(end, first)
    end("healthy")
    await turns()
    assert.deepStrictEqual(said(hung.transport).slice(1), ["healthy @1"])
    await hung.client.close()
  })

  it("HC2 what is no answer is an event, and nothing is reported; nor is what has nothing to say", async () => {
    const wrong = await asked(() => "fine" as HealthAnswer)
    assert.deepStrictEqual(wrong.events, [
      { type: "listener-failed", listener: "health", reason: 'it answered "fine"' }
    ])
    const silent = await asked(() => undefined)
    assert.deepStrictEqual([said(wrong.transport), said(silent.transport), silent.events], [[], [], []])
    await Promise.all([wrong.client.close(), silent.client.close()])
  })

  it("HC4 with numbers it is reported each time, and one that is not taken is said again", async () => {
    let n = 0
    const { client, clock, transport } = await asked(() => ({ status: "healthy", metrics: { requests: ++n } }))
    transport.answer = "refused"
    await clock.advance(6_000)
    await turns()
    transport.answer = "taken"
    await clock.advance(6_000)
    await turns()
    assert.deepStrictEqual(
      transport.reports.map(({ metrics }) => metrics["requests"]),
      [1, 2, 3]
    )
    await client.close()
    const once = await asked(() => "healthy")
    once.transport.answer = "refused"
    once.transport.say(value("shop", 2, 2))
    await turns()
    once.transport.answer = "taken"
    await once.clock.advance(6_000)
    await turns()
    assert.deepStrictEqual(said(once.transport), ["healthy @1", "healthy @2", "healthy @2"])
    await once.client.close()
  })

  it("HC1 is not asked while the client is not live, and said anew when it is again", async () => {
    const { client, clock, transport, times } = await asked(() => "healthy")
    transport.end()
    const before = times()
    await clock.advance(100)
    assert.strictEqual(times(), before)
    transport.greet = (stream) => stream.say(synced(1))
    await clock.advance(5_000)
    await turns()
    assert.deepStrictEqual(said(transport), ["healthy @1", "healthy @1"])
    await client.close()
  })

  it("SDK5 after close it is not asked, and nothing of it waits", async () => {
    let end = (_: HealthAnswer) => {}
    const waiting = await asked(() => new Promise((answer) => (end = answer)))
    await waiting.client.close()
    end("healthy")
    await turns()
    assert.deepStrictEqual([said(waiting.transport), waiting.clock.waiting], [[], []])
    const { client, clock, times } = await asked(() => "healthy")
    await client.close()
    await clock.advance(60_000)
    assert.deepStrictEqual([times(), clock.waiting], [1, []])
  })
})
