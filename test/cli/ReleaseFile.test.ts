import { assert, describe, it } from "@effect/vitest"
import { CliFailure } from "../../src/cli/CliFailure.ts"
import { releaseOf } from "../../src/cli/ReleaseFile.ts"
import { FakeHerald } from "./FakeHerald.ts"
import { terminal } from "./Terminal.ts"

const file = `
message: why
environment: staging
changes:
  - key: a
    value: { x: true }
  - { key: b, value: text, type: string, schema: { type: string }, strict: true, expectedVersion: 3, environment: production }
  - { key: n, value: 5 }
  - { key: f, value: false }
  - { key: c, delete: true }
`
const changes = [
  { key: "a", environment: "staging", type: "json", value: '{"x":true}' },
  {
    key: "b",
    environment: "production",
    type: "string",
    value: "text",
    schema: { type: "string" },
    strict: true,
    expectedVersion: 3
  },
  { key: "n", environment: "staging", type: "number", value: "5" },
  { key: "f", environment: "staging", type: "boolean", value: "false" },
  { key: "c", environment: "staging", value: null }
]
const answer = {
  revision: 9,
  epoch: "e",
  committedAt: 0,
  replayed: false,
  message: "why",
  changes: [
    { key: "a", environment: "staging", version: 2, type: "json", digest: "d", deleted: false },
    { key: "c", environment: "staging", version: 4, type: "json", digest: "d", deleted: true }
  ]
}
const complaint = (document: unknown): string => {
  const made = releaseOf(document, "production")
  assert.instanceOf(made, CliFailure)
  assert.strictEqual((made as CliFailure).exit, 2)
  return (made as CliFailure).what
}

describe("release apply", () => {
  it("sends the file's changes as one request, from a file or from standard input", async () => {
    await using herald = await FakeHerald.start()
    herald.on("POST /v1/releases", { body: answer })
    const cli = terminal({ files: { "r.yaml": file }, stdin: file, terminal: true })

    assert.strictEqual(await cli.run("release", "apply", "r.yaml", "--server", herald.url), 0, cli.said)
    assert.deepStrictEqual(herald.last.body, { message: "why", changes })
    assert.strictEqual(
      cli.printed,
      "released 2 changes as revision 9\n  published a version 2 in staging\n  deleted   c version 4 in staging"
    )
    assert.strictEqual(await cli.run("release", "apply", "-", "--message", "other", "--server", herald.url), 0)
    assert.deepStrictEqual(herald.last.body, { message: "other", changes })
  })

  it("changes without an environment get --env, HERALD_ENV or production", async () => {
    await using herald = await FakeHerald.start()
    herald.on("POST /v1/releases", { body: answer })
    const files = { "r.json": '{"changes":[{"key":"a","value":"x"}]}' }
    const environments: Array<unknown> = []
    for (const [env, args] of [
      [{}, []],
      [{ HERALD_ENV: "dev" }, []],
      [{ HERALD_ENV: "dev" }, ["--env", "staging"]]
    ] as const) {
      const cli = terminal({ files, env })
      assert.strictEqual(await cli.run("release", "apply", "r.json", ...args, "--server", herald.url), 0, cli.said)
      environments.push((herald.last.body as { changes: Array<{ environment: string }> }).changes[0]?.environment)
    }
    assert.deepStrictEqual(environments, ["production", "dev", "staging"])
  })

  it("a dry run says what would change, and for whom", async () => {
    await using herald = await FakeHerald.start()
    const difference = { kind: "json", patch: [{ op: "add", path: "/x", value: true }] }
    herald.on("POST /v1/releases", { body: { changes: [{ key: "a", environment: "dev", difference, clients: 3 }] } })
    const cli = terminal({ files: { "r.yaml": file }, terminal: true })

    assert.strictEqual(await cli.run("release", "apply", "r.yaml", "--dry-run", "--server", herald.url), 0, cli.said)
    assert.deepStrictEqual(herald.last.query, { dryRun: "true" })
    assert.strictEqual(cli.printed, "valid, nothing was written\na in dev, 3 connected clients would get it\n+ /x true")
  })

  it("Y1 a misspelt field is an error that names it", () => {
    assert.match(complaint({ mesage: "x", changes: [] }), /unknown field "mesage"/)
    assert.match(complaint({ changes: [{ key: "a", vlaue: "x" }] }), /changes\[0\] has an unknown field "vlaue"/)
    assert.match(complaint({ changes: [{ key: "a", value: "x", expected_version: 3 }] }), /"expected_version"/)
  })

  it("Y1 a misspelt field sends nothing", async () => {
    await using herald = await FakeHerald.start()
    const cli = terminal({ files: { "r.yaml": "changes: [{ key: a, value: x, stirct: true }]" } })

    assert.strictEqual(await cli.run("release", "apply", "r.yaml", "--server", herald.url), 2)
    assert.include(cli.said, 'unknown field "stirct"')
    assert.deepStrictEqual(herald.lines, [])
  })

  it("a file that is no release says why", () => {
    const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
      [null, /not a mapping/],
      [[], /not a mapping/],
      [{}, /has no changes/],
      [{ changes: [] }, /has no changes/],
      [{ changes: ["a"] }, /changes\[0\] is not a mapping/],
      [{ changes: [{ value: "x" }] }, /changes\[0\] has no key/],
      [{ changes: [{ key: "a" }] }, /changes\[0\] \(a\) has no value/],
      [{ changes: [{ key: "a", value: null }] }, /has no value/],
      [{ changes: [{ key: "a", value: 1, delete: true }] }, /a value and delete: true/],
      [{ changes: [{ key: "a", delete: "yes" }] }, /delete must be true or false/],
      [{ message: 5, changes: [{ key: "a", value: 1 }] }, /message must be a text/],
      [{ environment: 5, changes: [{ key: "a", value: 1 }] }, /environment must be a text/]
    ]
    for (const [document, pattern] of cases) assert.match(complaint(document), pattern)
  })

  it("a file that is missing, or is not YAML, says so", async () => {
    const cli = terminal({ files: { "bad.yaml": "changes: [" } })
    assert.strictEqual(await cli.run("release", "apply", "bad.yaml"), 2)
    assert.include(cli.said, "bad.yaml is not YAML")
    assert.strictEqual(await cli.run("release", "apply", "no.yaml"), 2)
    assert.include(cli.said, "no.yaml: there is no such file")
  })
})
