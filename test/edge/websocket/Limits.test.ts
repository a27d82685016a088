/** That a rule of `HERALD_LIMITS` for the door `websocket` holds whoever opens a socket, and what it asks. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { ReportHealthRequest } from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { StreamClient } from "../../support/StreamClient.ts"
import { openHttp } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const BURST = 5
let door: Awaited<ReturnType<typeof openHttp>>
const clients: Array<StreamClient> = []
beforeAll(async () => {
  door = await openHttp({ limits: [{ requestsPerSecond: 1, burst: BURST, door: "websocket" }] })
})
afterEach(() => {
  for (const one of clients.splice(0)) one.close()
})
afterAll(() => door.close())

const client = (token: string) => {
  const made = new StreamClient(`http://127.0.0.1:${door.port}`, token)
  clients.push(made)
  return made
}
const ticketOf = async (token: string): Promise<string> => {
  const { status, body } = await door.call("POST", "/v1/stream/ticket", undefined, token)
  assert.strictEqual(status, 200, "the door http has no limit of its own")
  return body.ticket
}
/** How many are let in, one after another, and what the first was told that was not. */
const opened = async (shown: () => Promise<string>) => {
  for (let count = 0; ; count++) {
    const one = client(await shown())
    await waitUntil("an answer", () => one.told.length > 0 || one.closed !== undefined)
    if (!one.told.some(({ told }) => told?.$case === "welcome")) return { count, ended: await one.ended() }
    assert.isBelow(count, 4 * BURST)
  }
}

describe("the limit of the door websocket", () => {
  for (const how of ["token", "ticket"] as const)
    it(`LX1 XT6 holds who opens sockets by a ${how}, and neither their HTTP nor others`, async () => {
      const { token } = await door.mint(`by-${how}`, "subscriber")
      const other = await door.mint(`beside-${how}`, "subscriber")
      const { count, ended } = await opened(async () => (how === "token" ? token : await ticketOf(token)))
      assert.isAtLeast(count, BURST)
      assert.strictEqual(ended.code, 4429)
      assert.match(ended.reason, /^HRLD-3003: .*at the door websocket/)
      assert.strictEqual((await door.call("GET", "/v1/access/whoami", undefined, token)).status, 200)
      await client(other.token).until("welcome")
    })

  it("LX1 XT6 holds what is asked by whoever came by a ticket", async () => {
    const { token } = await door.mint("asks", "subscriber")
    const one = client(await ticketOf(token))
    await one.until("welcome")
    for (let id = 1; id <= 3 * BURST; id++) one.say({ $case: "health", value: ReportHealthRequest.fromPartial({}) }, id)
    const problem = await waitUntil("a refusal", () =>
      one.told.find(({ told }) => told?.$case === "problem" && told.value.problem?.code === "HRLD-3003")
    )
    assert.match(JSON.stringify(problem), /at the door websocket/)
  })

  it("LX3 of an environment holds what is asked about it on a socket, and nothing about another", async () => {
    const narrow = await openHttp({
      limits: [{ requestsPerSecond: 1, burst: BURST, door: "websocket", environment: "production" }]
    })
    const one = new StreamClient(`http://127.0.0.1:${narrow.port}`, narrow.token)
    clients.push(one)
    await one.until("welcome")
    const report = (environment: string, id: number) =>
      one.say(
        {
          $case: "health",
          value: ReportHealthRequest.fromPartial({ serviceName: "svc", instanceId: "i", environment, health: 1 })
        },
        id
      )
    const problemOf = (id: number) =>
      waitUntil(
        `an answer to ${id}`,
        () =>
          one.told.flatMap(({ id: its, told }) =>
            its === id && told?.$case === "problem" ? [told.value.problem] : []
          )[0]
      )
    for (let id = 1; id <= 3 * BURST; id++) report("staging", id)
    for (let id = 1; id <= 3 * BURST; id++) assert.strictEqual((await problemOf(id))?.code, "HRLD-5010")
    for (let id = 101; id <= 100 + 3 * BURST; id++) report("production", id)
    const codes = []
    for (let id = 101; id <= 100 + 3 * BURST; id++) codes.push((await problemOf(id))?.code)
    assert.strictEqual(codes[0], "HRLD-5010")
    assert.include(codes, "HRLD-3003")
    assert.match(JSON.stringify(one.told), /at the door websocket in production/)
    await narrow.close()
  })
})
