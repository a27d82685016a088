import { assert, describe, it } from "@effect/vitest"
import { problemOf } from "../../../../src/edge/http/Problem.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"

const BASE = "/v1/subscriptions/orders/billing/dead-letters"
const letter = (id: number, more: object = {}) => ({
  ...{
    id,
    eventId: `orders:0:1:${id}`,
    partition: 0,
    epoch: 1,
    offset: id,
    reason: "rejected",
    cause: "no such customer"
  },
  ...{ attempts: 3, deadLetterTopic: "dead", refused: "", at: 0, publishedAt: 0, occurredAt: null, key: `o-${id % 2}` },
  ...{ headers: {}, value: { total: 1 }, ...more }
})
const listed = (next: number | null, ...deadLetters: ReadonlyArray<object>) => ({ body: { deadLetters, next } })
const run = async (herald: FakeHerald, args: ReadonlyArray<string>, options: Parameters<typeof terminal>[0] = {}) => {
  const cli = terminal(options)
  const [verb = "", ...rest] = args
  const exit = await cli.run("dead-letters", verb, "orders", "billing", ...rest, "--server", herald.url)
  return { cli, exit }
}
const bodies = (herald: FakeHerald) =>
  herald.requests.filter(({ line }) => line.startsWith("POST")).map(({ body }) => body)

/** What a person sees of a replay. */
const replayedWith = async (herald: FakeHerald, ...failed: ReadonlyArray<object>): Promise<string> => {
  herald.on(`POST ${BASE}/replay`, { body: { replayed: [17], failed, more: false } })
  const cli = terminal({ terminal: true })
  await cli.run("dead-letters", "replay", "orders", "billing", "17", "99", "--yes", "--server", herald.url)
  return cli.printed + cli.said
}

describe("herald dead-letters", () => {
  it("WL1 to drop one that is not there is an error, alone and among others", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`POST ${BASE}/drop`, { body: { dropped: 0, more: false } })
    const alone = await run(herald, ["drop", "99"])
    assert.strictEqual(alone.exit, 4)
    assert.include(alone.cli.said, "HRLD-2086")
    assert.include(alone.cli.said, "billing has no dead letter 99")
    assert.include(alone.cli.said, "herald dead-letters list")
    assert.deepStrictEqual(alone.cli.out, [])

    herald.on(`POST ${BASE}/drop`, { body: { dropped: 1, more: false } })
    const among = await run(herald, ["drop", "17", "99", "99"])
    assert.strictEqual(among.exit, 4)
    assert.deepStrictEqual(among.cli.json, { dropped: 1 })
    assert.include(among.cli.said, "1 of 2 were not there; the others are dropped")

    herald.on(`POST ${BASE}/drop`, { body: { dropped: 0, more: false } })
    assert.strictEqual((await run(herald, ["drop", "--all"])).exit, 0)
  })

  it("WL1 what could not be replayed is listed, and is the exit code", async () => {
    await using herald = await FakeHerald.start()
    const gone = { id: 99, problem: problemOf(failure("NoSuchDeadLetter", "billing has no dead letter 99"), "t") }
    herald.on(`POST ${BASE}/replay`, { body: { replayed: [17], failed: [gone], more: false } })
    const { cli, exit } = await run(herald, ["replay", "17", "99"])
    assert.strictEqual(exit, 4)
    assert.deepStrictEqual(cli.json.replayed, [17])
    assert.include(cli.said, "dead letter 99 was not replayed")
    const shown = await replayedWith(herald, gone)
    assert.lengthOf(shown.match(/has no dead letter 99/g)!, 1)
    const both = await replayedWith(herald, gone, { ...gone, id: 98 })
    assert.include(both, "not 98:")
    assert.include(both, "2 of 3 dead letters were not replayed")
  })

  it("WL2 those that are so: by key, reason and what was said, the oldest first, as many as were asked for", async () => {
    await using herald = await FakeHerald.start()
    const first = listed(2, letter(1), letter(2, { reason: "attempts" }))
    const second = listed(null, letter(3), letter(4), letter(5, { cause: "timed out" }), letter(7))
    herald.on(`GET ${BASE}`, first, second)
    herald.on(`POST ${BASE}/replay`, { body: { replayed: [1, 3], failed: [], more: false } })
    const args = ["replay", "--key", "o-1", "--reason", "rejected", "--said", "customer", "--limit", "2"]
    assert.strictEqual((await run(herald, args)).exit, 0)
    assert.deepStrictEqual(bodies(herald), [{ ids: [1, 3] }])

    herald.on(`GET ${BASE}`, listed(null, letter(1)))
    const none = await run(herald, ["drop", "--said", "nobody said that"])
    assert.strictEqual(none.exit, 4)
    assert.lengthOf(bodies(herald), 1)
  })

  it("WL2 a thousand in a request, until all are asked for", async () => {
    await using herald = await FakeHerald.start()
    const all = Array.from({ length: 1_500 }, (_, at) => letter(at + 1))
    herald.on(`GET ${BASE}`, listed(null, ...all))
    herald.on(`POST ${BASE}/drop`, { body: { dropped: 1_000, more: false } }, { body: { dropped: 500, more: false } })
    const { cli, exit } = await run(herald, ["drop", "--reason", "rejected"])
    assert.strictEqual(exit, 0, cli.said)
    assert.deepStrictEqual(cli.json, { dropped: 1_500 })
    assert.deepStrictEqual(
      bodies(herald).map((body) => (body as { ids: ReadonlyArray<number> }).ids.length),
      [1_000, 500]
    )
  })

  it("WL2 ids and what they are, or neither of them, is nothing that one can mean", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`POST ${BASE}/drop`, problem("Internal", "asked"))
    for (const args of [["drop"], ["drop", "17", "--all"], ["replay", "17", "--key", "o-1"], ["drop", "--limit", "0"]])
      assert.strictEqual((await run(herald, args)).exit, 2, args.join(" "))
    assert.lengthOf(herald.requests, 0)
  })

  it("WL3 asks a person before anything is gone, unless --yes says so", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`POST ${BASE}/drop`, { body: { dropped: 1, more: false } })
    const no = await run(herald, ["drop", "17"], { terminal: true, answer: "no" })
    assert.strictEqual(no.exit, 2)
    assert.include(no.cli.asked[0], "dead letter 17 of billing will be gone for good")
    assert.lengthOf(herald.requests, 0)
    assert.strictEqual((await run(herald, ["drop", "17"], { terminal: true, answer: "yes" })).exit, 0)
    assert.strictEqual((await run(herald, ["drop", "--all"], { terminal: true, answer: "yes" })).exit, 2)
    assert.strictEqual((await run(herald, ["drop", "--all"], { terminal: true, answer: "billing" })).exit, 0)
    const unasked = await run(herald, ["drop", "17", "--yes"], { terminal: true })
    assert.strictEqual(unasked.exit, 0)
    assert.deepStrictEqual(unasked.cli.asked, [])
  })

  it("WL3 shows which event it was, why, how often it was tried, and its key", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${BASE}/17`, { body: letter(17, { attempts: 1 }) })
    const { cli } = await run(herald, ["show", "17"], { terminal: true })
    for (const shown of [
      /event +orders:0:1:17/,
      /why +a consumer rejected it/,
      /attempts +1$/m,
      /key +o-1/,
      /said last +no such/
    ])
      assert.match(cli.printed, shown)
  })
})
