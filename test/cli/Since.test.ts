import { assert, describe, it } from "@effect/vitest"
import { sinceText } from "../../src/cli/Since.ts"
import { FakeHerald, problem } from "../support/FakeHerald.ts"
import { NOW, terminal } from "../support/Terminal.ts"

const AGO = new Date(NOW - 5 * 60_000).toISOString()
const run = async (herald: FakeHerald, ...args: ReadonlyArray<string>) => {
  const cli = terminal({ terminal: true })
  return { cli, exit: await cli.run(...args, "--server", herald.url) }
}

describe("how long ago", () => {
  it("is the time that it was then, and nothing else is touched", () => {
    assert.strictEqual(sinceText("5m", NOW), AGO)
    for (const text of ["earliest", "latest", "orders:0:1:42", AGO, "1764225600000", "yesterday", "", "9999d"])
      assert.strictEqual(sinceText(text, NOW), text)
  })

  it("is taken by topic tail, subscription create and subscription seek", async () => {
    await using herald = await FakeHerald.start()
    const events = "GET /v1/topics/orders/events"
    herald.on(events, { body: { events: [], next: "~0.1.1", live: true, gaps: [], filtered: null }, strange: true })
    assert.strictEqual((await run(herald, "topic", "tail", "orders", "--from", "5m", "--once")).exit, 0)
    assert.strictEqual(herald.last.query["from"], AGO)
    herald.on("POST /v1/subscriptions", problem("NoSuchTopic", "there is none"))
    await run(herald, "subscription", "create", "orders", "billing", "--from", "5m")
    assert.deepInclude(herald.last.body, { from: AGO })
    herald.on("POST /v1/subscriptions/orders/billing/seek", problem("NoSuchTopic", "there is none"))
    for (const where of [["5m"], ["--to", "5m"]]) {
      await run(herald, "subscription", "seek", "orders", "billing", ...where)
      assert.deepInclude(herald.last.body, { to: AGO })
    }
    const before = herald.requests.length
    for (const where of [[], ["5m", "--to", "5m"]]) {
      const { cli, exit } = await run(herald, "subscription", "seek", "orders", "billing", ...where)
      assert.strictEqual(exit, 2)
      assert.include(cli.said, "herald subscription seek orders billing earliest")
    }
    assert.lengthOf(herald.requests, before)
  })
})

describe("a server that goes and comes again", () => {
  it("is told by topic tail in two lines, with nothing of what is for who starts", async () => {
    await using herald = await FakeHerald.start()
    const page = { events: [], next: "~0.1.1", gaps: [], filtered: null }
    const events = "GET /v1/topics/orders/events"
    const back = { body: { ...page, live: true }, strange: true }
    herald.on(events, back, problem("Draining", "this server is leaving"), problem("NoSuchTopic", "gone"))
    const { cli } = await run(herald, "topic", "tail", "orders")
    assert.include(cli.said, "disconnected: the server is leaving\nwaiting for it …")
    assert.notInclude(cli.said.slice(0, cli.said.indexOf("waiting")), "fix")
  })
})
