/** `--watch` of rollouts: what is drawn, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"
import { back, completed, look, ONE, START, started } from "./Answers.ts"

describe("rollout watch", () => {
  it("RV1 on a terminal it is redrawn in its place", async () => {
    const { exit, cli } = await ask(
      ["rollout", "watch", "r17"],
      `GET ${ONE}`,
      { body: completed },
      { columns: 120, rows: 40 }
    )
    assert.strictEqual(exit, 0)
    assert.deepStrictEqual(cli.steered, [""])
    await using herald = await FakeHerald.start()
    herald.on(`GET ${ONE}`, { body: look() }, { body: look({ seen: "3.2" }) }, { body: completed })
    const live = terminal({ terminal: true, columns: 120, rows: 40 })
    assert.strictEqual(await live.run("rollout", "watch", "r17", "--server", herald.url), 0)
    const lines = live.out[0]!.split("\n").length
    assert.deepStrictEqual(live.steered, ["", `\u001b[${lines}A\r\u001b[J`, `\u001b[${lines}A\r\u001b[J`])
    assert.deepStrictEqual(
      herald.requests.map(({ query }) => [query["seen"], query["wait"]]),
      [
        [undefined, undefined],
        ["3.1", "1"],
        ["3.2", "1"]
      ]
    )
    assert.strictEqual(
      live.out[0],
      `r17 in production baking, stage 2 of 4 (10%)
user-service 41 → 42
ann started it 10 min ago: the new checkout

STAGE  WHO                 STATE   TIME
    1  1%                  done
    2  10%                 baking  ███████░░░░░░░░░░░░░ 3m12s left of 5m
    3  50%, then a person          bakes 5m
    4  100%                        bakes 5m

cohort  offered 0  delivered 1  applied 3  healthy 96  unhealthy 0  rejected 0  lost 0

GATE            IS       READING
unhealthy < 2%  good     0 of 96 that are known are unhealthy (0 %), limit 2 %
rejected < 1%   unknown  0 of 99 refused it

baking 108 s ago: enough of stage 2 of 4 (10 %) have applied it`
    )
  })

  it("RV1 it is redrawn in its place on a narrow terminal, and all of it is said", async () => {
    await using herald = await FakeHerald.start()
    const readings = [
      {
        ...look().readings[0]!,
        gate: "unhealthy < 2%, coverage 0%",
        text: "0 of 96 that are known are unhealthy (0%), limit 2%"
      }
    ]
    for (const columns of [40, 60, 80]) {
      herald.on(
        `GET ${ONE}`,
        { body: look({ readings }) },
        { body: look({ readings, seen: "3.2" }) },
        { body: completed }
      )
      const live = terminal({ terminal: true, columns, rows: 60 })
      assert.strictEqual(await live.run("rollout", "watch", "r17", "--server", herald.url), 0)
      const lines = live.out[0]!.split("\n")
      assert.isAtMost(Math.max(...lines.map((line) => line.length)), Math.max(columns - 1, 45), live.out[0])
      assert.include(live.out[0]!.replace(/\s+/g, " "), "rejected 0 lost 0")
      assert.match(live.out[0]!.replace(/\s+/g, " "), /limit 2%/)
      const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0)
      assert.strictEqual(live.steered[1], `\u001b[${rows}A\r\u001b[J`)
    }
  })

  it("RV1 a rollout that paused says what to type next", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${ONE}`, { body: look({ state: "paused", untilAt: null }) }, { body: completed })
    const live = terminal({ terminal: true, columns: 100, rows: 60 })
    assert.strictEqual(await live.run("rollout", "watch", "r17", "--server", herald.url), 0)
    assert.include(live.out[0]!, "go on with herald rollout resume r17 --env production or promote")
  })

  it("RV1 of a low terminal the end is shown whole", async () => {
    const { cli } = await ask(["rollout", "watch", "r17"], `GET ${ONE}`, { body: back }, { columns: 60, rows: 10 })
    assert.match(cli.out.join("\n").replace(/\s+/g, " "), /3 of 96 that are known are unhealthy/)
  })

  it("RV1 elsewhere there is a line, or an object, for each change", async () => {
    await using herald = await FakeHerald.start()
    const replies = [
      { body: look() },
      { body: look() },
      { body: look({ seen: "3.3", counts: { ...look().counts, healthy: 97 } }) },
      { body: completed }
    ]
    herald.on(`GET ${ONE}`, ...replies)
    const json = terminal()
    assert.strictEqual(await json.run("rollout", "watch", "r17", "--server", herald.url), 0)
    assert.deepStrictEqual(
      json.out.map((line) => (JSON.parse(line) as { readonly seen: string }).seen),
      ["3.1", "3.3", "5.0"]
    )
    assert.deepStrictEqual(herald.requests[1]!.query["wait"], "15")
    herald.on(`GET ${ONE}`, ...replies)
    const lines = terminal()
    assert.strictEqual(await lines.run("rollout", "watch", "r17", "--output", "table", "--server", herald.url), 0)
    assert.strictEqual(lines.out.length, 3)
    assert.match(
      lines.out[0]!,
      /^2026-01-02T03:02:17Z r17 baking, stage 2 of 4 \(10%\): delivered 1, applied 3, healthy 96; rejected < 1% is unknown$/
    )
  })

  it("RV2 it ends as the rollout does", async () => {
    const watched = async (body: object) => ask(["rollout", "watch", "r17"], `GET ${ONE}`, { body })
    assert.strictEqual((await watched(completed)).exit, 0)
    const { exit, cli } = await watched(back)
    assert.strictEqual(exit, 10)
    assert.include(cli.said, "The rollout r17 was rolled back")
    assert.include(cli.said, "3 of 96 that are known are unhealthy")
    assert.include(cli.said, "user-service/web-3 unhealthy: no route to db")
    assert.include(cli.said, "herald rollout history r17 --env production")
    assert.strictEqual((await watched({ ...back, state: "aborted" })).exit, 11)
    const late = await ask(["rollout", "watch", "r17", "--timeout", "0s"], `GET ${ONE}`, { body: look() })
    assert.strictEqual(late.exit, 9)
    assert.strictEqual((await ask(["rollout", "watch", "r17"], `GET ${ONE}`, problem("NotFound", "no"))).exit, 4)
  })

  it("RV3 that the server is away meanwhile ends nothing", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${ONE}`, { body: look() }, { drop: true }, { body: completed })
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("rollout", "watch", "r17", "--server", herald.url), 0)
    assert.include(cli.said, "waiting for it …")
    assert.include(cli.said, "connected again")
  })

  it("RV3 whoever leaves is told that it goes on", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${ONE}`, { body: look() })
    const cli = terminal({ terminal: true })
    const fiber = cli.start("rollout", "watch", "r17", "--server", herald.url)
    while (cli.out.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    fiber.interruptUnsafe()
    while (!cli.said.includes("goes on without you")) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.include(cli.said, "herald rollout watch r17 --env production")
  })

  it("start --watch follows what it began", async () => {
    await using herald = await FakeHerald.start()
    herald.on(START, { body: started() }).on(`GET ${ONE}`, { body: back })
    const cli = terminal({ terminal: true })
    assert.strictEqual(
      await cli.run("rollout", "start", "k", "v", "--stages", "1%", "--watch", "--server", herald.url),
      10
    )
  })
})
