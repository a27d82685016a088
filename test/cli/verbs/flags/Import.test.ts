/** `herald flag import`: what it asks of the server, and what it tells of an import that came to a part. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem, type Reply } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"

const released = (revision: number) => ({
  body: { revision, epoch: "e", committedAt: 0, committedTime: "", replayed: false, message: "", changes: [] }
})
const refused = problem("InvalidFlag", "flag-7: it is wrong")

describe("herald flag import", () => {
  const importing = async (count: number, ...answers: ReadonlyArray<Reply>) => {
    const flags = Object.fromEntries(Array.from({ length: count }, (_, n) => [`flag-${n}`, { state: "ENABLED" }]))
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/flags", { body: { flags: [], next: null } })
    herald.on("POST /v1/releases", ...answers)
    const cli = terminal({ files: { "flags.json": JSON.stringify({ flags }) } })
    const exit = await cli.run("flag", "import", "flags.json", "--env", "staging", "--server", herald.url)
    return { exit, cli, releases: herald.requests.filter(({ line }) => line.startsWith("POST")) }
  }

  it("FI2 says how far it is, and in which revisions everything is", async () => {
    const { exit, cli, releases } = await importing(1_100, released(9), released(7), released(8))

    assert.strictEqual(exit, 0, cli.said)
    assert.strictEqual(releases.length, 3)
    assert.deepInclude(JSON.parse(cli.printed), { imported: 1_100, revisions: [7, 8, 9] })
    assert.match(cli.said, /3 of 3 releases, 1100 flags/)
  })

  it("FI2 of an import that is refused in part it says how much is there", async () => {
    const { exit, cli } = await importing(1_100, released(7), refused, released(8))

    assert.strictEqual(exit, 3, cli.said)
    assert.include(cli.said, "flag-7: it is wrong")
    assert.match(cli.said, /[12] of 3 releases were committed/)
    assert.include(cli.said, "Import again")
  })
})
