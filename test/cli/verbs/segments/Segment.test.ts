/** The verbs of segments: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"

const BETA = "/v1/segments/beta"
const published = {
  segment: "beta",
  environment: "production",
  version: 3,
  digest: "d",
  deleted: false,
  revision: 7,
  epoch: "e",
  committedAt: 0,
  committedTime: "",
  replayed: false,
  warnings: []
}
const stored = (version: number, definition: unknown) => ({
  segment: "beta",
  environment: "production",
  version,
  revision: version,
  definition,
  deleted: definition === null,
  digest: "d",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "ann",
  message: "more of them"
})

describe("herald segment", () => {
  it("create sends who is in it, for a segment that is new, and the rule as it was written", async () => {
    const { request, printed } = await ask(
      ["segment", "create", "beta", "--user", "ann", "--rule", '{"==":[{"var":"x"},1.0]}', "--owner", "team"],
      `PUT ${BETA}`,
      { body: { ...published, warnings: [{ at: "/rule/==", problem: "is read differently" }] } }
    )
    assert.deepStrictEqual(request.body, {
      value: '{"rule":{"==":[{"var":"x"},1.0]},"targetUsers":["ann"],"owner":"team"}',
      expectedVersion: 0
    })
    assert.strictEqual(printed, "created beta version 3 in production (revision 7)\nnote /rule/== is read differently")
    const alone = await ask(["segment", "create", "beta", "--description", "nobody yet"], `PUT ${BETA}`, {
      body: published
    })
    assert.deepInclude(alone.request.body, { value: '{"targetUsers":[],"description":"nobody yet"}' })
  })

  it("set, rollback and archive ask for what they say", async () => {
    const set = await ask(
      ["segment", "set", "beta", '{"targetUsers":["a"]}', "--expected-version", "2", "--env", "staging"],
      `PUT ${BETA}`,
      { body: published }
    )
    assert.deepStrictEqual(set.request.body, { value: '{"targetUsers":["a"]}', expectedVersion: 2 })
    assert.deepStrictEqual(set.request.query, { environment: "staging" })
    const dry = await ask(["segment", "set", "beta", "{}", "--dry-run"], `POST ${BETA}/validate`, {
      body: { difference: { kind: "none" }, warnings: [] }
    })
    assert.include(dry.printed, "valid, nothing was written")
    const back = await ask(["segment", "rollback", "beta", "--to", "1", "--message", "m"], `POST ${BETA}/rollback`, {
      body: published
    })
    assert.deepStrictEqual(back.request.body, { version: 1, message: "m" })
    const gone = await ask(["segment", "archive", "beta"], `DELETE ${BETA}`, { body: { ...published, deleted: true } })
    assert.include(gone.printed, "archived beta version 3")
  })

  it("ids sends the file as it is, as text, and says how many there are", async () => {
    const { request, printed } = await ask(
      ["segment", "ids", "beta", "replace", "--file", "ids.txt", "--message", "new"],
      `POST ${BETA}/ids`,
      { body: { ...published, count: 2 } },
      { files: { "ids.txt": "ann\r\nbob\n" } }
    )
    assert.deepStrictEqual(request.query, { environment: "production", mode: "replace", message: "new" })
    assert.strictEqual(request.headers["content-type"], "text/plain; charset=utf-8")
    assert.strictEqual(request.body, "ann\r\nbob\n")
    assert.include(printed, "changed beta version 3 in production (revision 7)\n2 ids")
  })

  it("list, get, history and diff show who is in it", async () => {
    const both = { rule: { var: "x" }, targetUsers: ["a", "b"] }
    await using herald = await FakeHerald.start()
    herald.on(
      "GET /v1/segments",
      { body: { segments: [stored(1, both)], next: "beta" } },
      { body: { segments: [], next: null } }
    )
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("segment", "list", "--server", herald.url), 0, cli.said)
    assert.include(cli.printed, "a rule and 2 users")
    assert.strictEqual(herald.last.query["after"], "beta")
    const one = await ask(["segment", "get", "beta"], `GET ${BETA}`, { body: stored(2, { targetUsers: ["a"] }) })
    assert.include(one.printed, "1 user")
    const raw = await ask(["segment", "get", "beta", "--version", "1", "--raw"], `GET ${BETA}/versions/1`, {
      body: stored(1, both)
    })
    assert.deepStrictEqual(JSON.parse(raw.printed), both)
    const history = await ask(["segment", "history", "beta"], `GET ${BETA}/history`, {
      body: { versions: [stored(2, null), stored(1, both)], next: null }
    })
    assert.include(history.printed, "archived")
    assert.include(history.printed, "more of them")
    const diff = await ask(["segment", "diff", "beta", "1", "2"], `GET ${BETA}/diff`, {
      body: { segment: "beta", environment: "production", from: 1, to: 2, difference: { kind: "none" } }
    })
    assert.include(diff.printed, "version 1 → 2")
  })
})
