/** `herald flag import`: what it asks of the server, and what it tells of an import that came to a part. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem, type Reply } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"

const released = (revision: number) => ({
  body: { revision, epoch: "e", committedAt: 0, committedTime: "", replayed: false, message: "", changes: [] }
})
const NEVER = new Date(0).toISOString()
const refused = problem("InvalidFlag", "flag-7: it is wrong")

describe("herald flag import", () => {
  const importing = async (count: number, ...answers: ReadonlyArray<Reply>) => {
    const flags = Object.fromEntries(Array.from({ length: count }, (_, n) => [`flag-${n}`, { state: "ENABLED" }]))
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/flags", { body: { flags: [], next: null } })
    herald.on("POST /v1/releases", ...answers)
    const cli = terminal({ files: { "flags.json": JSON.stringify({ flags }) } })
    const exit = await cli.run(
      "flag",
      "import",
      "--format",
      "flagd",
      "flags.json",
      "--env",
      "staging",
      "--server",
      herald.url
    )
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

  it("FI3 an import replaces and archives the versions that it read, so that nobody's change in between is lost", async () => {
    await using herald = await FakeHerald.start()
    const stored = (flag: string, version: number) => ({
      ...{ flag, version, definition: { state: "DISABLED" }, environment: "staging", revision: 9, deleted: false },
      ...{
        digest: "",
        createdAt: 0,
        createdTime: NEVER,
        updatedAt: 0,
        updatedTime: NEVER,
        updatedBy: "ann",
        message: ""
      }
    })
    herald.on("GET /v1/flags", { body: { flags: [stored("old", 4), stored("other", 7)], next: null } })
    herald.on("POST /v1/releases", problem("VersionConflict", "the flag other in staging is at version 8, not 7"))
    const flags = { old: { state: "ENABLED" }, new: { state: "ENABLED" } }
    const cli = terminal({ files: { "flags.json": JSON.stringify({ flags }) } })
    const exit = await cli.run(
      ...["flag", "import", "flags.json", "--env", "staging", "--replace", "--server", herald.url]
    )

    assert.strictEqual(exit, 5, cli.said)
    assert.include(cli.said, "at version 8, not 7")
    const { body } = herald.requests.find(({ line }) => line.startsWith("POST"))!
    const sent = (body as { flags: ReadonlyArray<Record<string, unknown>> }).flags
    assert.deepStrictEqual(
      sent.map(({ flag, expectedVersion }) => [flag, expectedVersion]),
      [
        ["old", 4],
        ["new", 0],
        ["other", 7]
      ]
    )
  })
})
