import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { passUntil } from "../../../support/Clock.ts"
import { fakeHerald, problem } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask, CONFIG, kept, stored } from "../../Ask.ts"

describe("get", () => {
  it("shows version, type, author and the value laid out", async () => {
    const { request, printed } = await ask(["get", "shop", "--consistency", "strong"], `GET ${CONFIG}`, {
      body: { ...stored, stale: true }
    })
    assert.deepStrictEqual(request.query, { environment: "production", as: "text", consistency: "strong" })
    assert.strictEqual(
      printed,
      [
        "shop in production  stale: the server can't confirm that this is the newest",
        "version  3 (revision 7)",
        "type     json, strict",
        "changed  1970-01-01T00:00:00Z by ann",
        "message  turn x on",
        '{\n  "x": true\n}'
      ].join("\n")
    )
  })

  it("prints the value alone with --raw, and an old version with --version", async () => {
    const raw = await ask(["get", "shop", "--raw"], `GET ${CONFIG}`, { body: stored })
    assert.strictEqual(raw.printed, '{"x":true}')
    const old = await ask(["get", "shop", "--version", "2"], `GET ${CONFIG}/versions/2`, { body: kept })
    assert.strictEqual(old.exit, 0)
  })

  it("refuses flags that exclude each other", async () => {
    for (const flag of ["--watch", "--consistency=strong"]) {
      const { exit, cli } = await ask(["get", "shop", "--version", "2", flag], `GET ${CONFIG}`, { body: stored })
      assert.strictEqual(exit, 2)
      assert.include(cli.said, "exclude each other")
    }
  })

  it.effect("--watch prints each new version once, and outlives the server's absence", () =>
    Effect.gen(function* () {
      const herald = yield* fakeHerald
      herald.on(`GET ${CONFIG}`, { body: stored })
      const cli = terminal()
      yield* Effect.forkScoped(cli.effect("get", "shop", "--watch", "--server", herald.url))
      yield* passUntil(() => cli.out.length === 1)
      herald.on(`GET ${CONFIG}`, problem("DatabaseUnavailable", "gone"))
      yield* passUntil(() => cli.said.includes("waiting for it"))
      herald.on(`GET ${CONFIG}`, { body: { ...stored, version: 4, revision: 8 } })
      yield* passUntil(() => cli.out.length === 2)

      assert.deepStrictEqual(
        cli.out.map((line) => JSON.parse(line).version),
        [3, 4]
      )
      assert.include(cli.said, "connected again")
    })
  )
})
