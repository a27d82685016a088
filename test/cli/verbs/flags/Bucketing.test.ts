/** `herald flag bucketing`: what it asks of the server, and what it prints. */
import { assert, describe, it } from "@effect/vitest"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"

const PATH = "/v1/flag-settings"
const moving = {
  from: "v2",
  to: "v3",
  flags: 2,
  counted: 1,
  madeUp: false,
  moved: [{ flag: "shop", people: 3, moved: 1 }],
  asked: 3,
  wouldMove: 1
}

describe("herald flag bucketing", () => {
  it("WB5 shows how it is, and who evaluates by itself and disagrees", async () => {
    const { printed, request } = await ask(["flag", "bucketing", "--env", "staging"], `GET ${PATH}`, {
      body: {
        environment: "staging",
        version: 0,
        bucketing: "v2",
        evaluating: [
          { sdk: "grpc-python", streams: 2, bucketing: "v3" },
          { sdk: "other", streams: 1, bucketing: null }
        ],
        disagree: ["grpc-python"]
      }
    })
    assert.deepStrictEqual(request.query, { environment: "staging" })
    assert.include(printed, "v2 in staging, by default")
    assert.include(printed, "not known")
    assert.include(
      printed,
      "note grpc-python follows these flags, evaluates by itself, and does not put people into buckets by v2"
    )
  })

  it("WB3 a dry run sends the people of a file, targeting keys and contexts, and says who moves", async () => {
    const people = 'ann\r\n\n{"targetingKey":"bob","country":"de"}\n 12 \n'
    const { printed, request } = await ask(
      ["flag", "bucketing", "v3", "--dry-run", "--people", "people.txt"],
      `POST ${PATH}/validate`,
      { body: { difference: { kind: "none" }, warnings: [], moving, disagree: [] } },
      { files: { "people.txt": people } }
    )
    assert.deepStrictEqual(request.body, {
      value: { bucketing: "v3" },
      people: ["ann", { targetingKey: "bob", country: "de" }, " 12 "]
    })
    assert.include(printed, "from v2 to v3 33.33 % of the people of the file would get another variant")
    assert.include(printed, "2 flags with buckets (1 of them counted)")
    assert.match(printed, /shop +1 +3/)
    const cli = terminal({ files: { "people.txt": "{ no" } })
    assert.strictEqual(await cli.run("flag", "bucketing", "v3", "--dry-run", "--people", "people.txt"), 2)
    assert.include(cli.said, "begins as JSON, and is none")
  })

  it("sets it with a message; what makes no sense is refused before anything is asked", async () => {
    const body = {
      ...{ environment: "production", version: 2, digest: "d", deleted: false, revision: 9, epoch: "e" },
      ...{ committedAt: 0, committedTime: "", replayed: false, warnings: [], disagree: ["grpc-node-js"] }
    }
    const { printed, request } = await ask(["flag", "bucketing", "v3", "--message", "why"], `PUT ${PATH}`, { body })
    assert.deepStrictEqual(request.body, { value: { bucketing: "v3" }, message: "why" })
    assert.include(printed, "set bucketing v3 in production, version 2 of its settings (revision 9)")
    assert.include(printed, "note grpc-node-js")
    for (const args of [["v4"], ["v3", "--people", "x"], ["--dry-run"]])
      assert.strictEqual(await terminal().run("flag", "bucketing", ...args), 2)
  })
})
