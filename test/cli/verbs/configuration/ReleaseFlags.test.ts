/** Flags and segments in a release file. */
import { assert, describe, it } from "@effect/vitest"
import { releaseOf } from "../../../../src/cli/verbs/configuration/ReleaseFile.ts"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"

const answer = {
  revision: 9,
  epoch: "e",
  committedAt: 0,
  replayed: false,
  message: "why",
  changes: [{ key: "a", environment: "staging", version: 2, type: "json", digest: "d", deleted: false }]
}

describe("release apply", () => {
  it("RE2 sends flags and segments beside them, or alone, each definition as it is written", async () => {
    const made = releaseOf(
      "r.json",
      '{"environment":"staging","flags":[{"flag":"f","value":{"percentage": 2.50},"expectedVersion":3},{"flag":"g","archive":true}],' +
        '"segments":[{"segment":"s","value":{"rule":{"var":"x"}},"environment":"dev"}]}',
      "production"
    )
    assert.deepStrictEqual(made, {
      changes: [],
      flags: [
        { flag: "f", environment: "staging", value: '{"percentage": 2.50}', expectedVersion: 3 },
        { flag: "g", environment: "staging", value: null }
      ],
      segments: [{ segment: "s", environment: "dev", value: '{"rule":{"var":"x"}}' }]
    })
    const yaml = releaseOf("r.yaml", "flags: [{ flag: f, value: { percentage: 2.50 } }]", "production")
    assert.deepInclude(yaml, { flags: [{ flag: "f", environment: "production", value: '{"percentage":2.50}' }] })
  })

  it("tells what became of flags and segments, and in a dry run what would", async () => {
    await using herald = await FakeHerald.start()
    const its = { environment: "staging", version: 2, digest: "d", deleted: false }
    herald.on(
      "POST /v1/releases",
      {
        body: {
          ...answer,
          flags: [
            { flag: "f", ...its },
            { flag: "g", ...its, deleted: true }
          ],
          segments: [{ segment: "s", ...its }]
        }
      },
      {
        body: {
          changes: [],
          flags: [
            {
              flag: "f",
              environment: "staging",
              difference: { kind: "json", patch: [{ op: "add", path: "/x", value: true }] },
              warnings: [{ at: "/targeting", problem: "is read differently" }]
            }
          ],
          segments: [{ segment: "s", environment: "staging", difference: { kind: "none" }, warnings: [] }]
        }
      }
    )
    const cli = terminal({ files: { "r.yaml": "flags: [{ flag: f, value: { enabled: true } }]" }, terminal: true })
    assert.strictEqual(await cli.run("release", "apply", "r.yaml", "--server", herald.url), 0, cli.said)
    assert.strictEqual(
      cli.printed,
      "released 4 changes as revision 9\n  published a version 2 in staging\n" +
        "  published segment s version 2 in staging\n  published flag f version 2 in staging\n  archived  flag g version 2 in staging"
    )
    const dry = terminal({ files: { "r.yaml": "flags: [{ flag: f, value: { enabled: true } }]" }, terminal: true })
    assert.strictEqual(await dry.run("release", "apply", "r.yaml", "--dry-run", "--server", herald.url), 0, dry.said)
    assert.strictEqual(
      dry.printed,
      "valid, nothing was written\nsegment s in staging\nno difference\nflag f in staging\n+ /x true\nnote /targeting is read differently"
    )
  })
})
