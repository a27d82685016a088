import { assert, describe, it } from "@effect/vitest"
import { CliFailure } from "../../../../src/cli/CliFailure.ts"
import { releaseOf } from "../../../../src/cli/verbs/configuration/ReleaseFile.ts"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { Choices, jsonText } from "../../../support/JsonText.ts"
import { terminal } from "../../../support/Terminal.ts"

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
  const made = releaseOf("r.yaml", JSON.stringify(document), "production")
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
    const asked = herald.requests.find(({ line }) => line === "POST /v1/releases")!
    assert.deepStrictEqual(asked.query, { dryRun: "true" })
    assert.strictEqual(cli.printed, "valid, nothing was written\na in dev, 3 connected clients would get it\n+ /x true")
  })

  it("RE1 a misspelt field is an error that names it", () => {
    assert.match(complaint({ mesage: "x", changes: [] }), /unknown field "mesage"/)
    assert.match(complaint({ changes: [{ key: "a", vlaue: "x" }] }), /changes\[0\] has an unknown field "vlaue"/)
    assert.match(complaint({ changes: [{ key: "a", value: "x", expected_version: 3 }] }), /"expected_version"/)
  })

  it("RE1 a misspelt field sends nothing", async () => {
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
      [{ flags: {} }, /flags is no list/],
      [{ changes: [], flags: [] }, /has no changes/],
      [{ flags: [{ key: "a", value: {} }] }, /flags\[0\] has an unknown field "key"/],
      [{ flags: [{ flag: "a", delete: true }] }, /unknown field "delete"/],
      [{ segments: [{ segment: "a" }] }, /segments\[0\] \(a\) has no value/],
      [{ environment: 5, changes: [{ key: "a", value: 1 }] }, /environment must be a text/]
    ]
    for (const [document, pattern] of cases) assert.match(complaint(document), pattern)
  })

  /** The changes of a file, as they are sent. */
  const sent = (text: string): ReadonlyArray<{ value: string | null; type?: string }> => {
    const made = releaseOf("r", text, "production")
    return made instanceof CliFailure
      ? assert.fail(made.what)
      : (made.changes as ReadonlyArray<{ value: string | null; type?: string }>)
  }
  const refused = (text: string): string => {
    const made = releaseOf("r.yaml", text, "production")
    return made instanceof CliFailure ? made.what : assert.fail(`accepted ${text}`)
  }

  it.prop(
    "RE2 any value of a JSON file is sent as it stands there",
    [Choices, Choices],
    ([one, two]) => {
      const [first, second] = [jsonText(one), jsonText(two)]
      if (first === "null" || second === "null") return
      const file = `{"changes" :[ {"key":"a","value": ${first} }\r\n,{"value":${second},"key":"b"}]}\n`
      assert.deepStrictEqual(
        sent(file).map(({ value }) => value),
        [first, second].map((text) => (text.startsWith('"') ? JSON.parse(text) : text))
      )
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "RE2 any JSON that is a value in YAML is sent with its digits, names and order",
    [Choices],
    ([choices]) => {
      const text = jsonText(choices)
      // YAML allows no tab or bare line break as indentation, and takes an unquoted << for a merge only.
      if (text === "null" || /[\t\r\n]/.test(text)) return
      const [change] = sent(`changes:\n  - key: a\n    value: ${text}\n`)
      if (text.startsWith('"')) return assert.strictEqual(change?.value, JSON.parse(text))
      assert.deepStrictEqual(JSON.parse(change?.value ?? ""), JSON.parse(text))
      const shape = (json: string) =>
        (json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []).map((token) =>
          token.startsWith('"') ? JSON.parse(token) : token
        )
      assert.deepStrictEqual(shape(change?.value ?? ""), shape(text))
    },
    { arbitrary: { runs: 500 } }
  )

  it("RE2 a number of YAML is sent digit by digit, and what JSON can't say is refused", () => {
    const file = (value: string) => `changes:\n  - key: a\n    value: ${value}\n`
    for (const [value, text, type] of [
      ["9007199254740993", "9007199254740993", "number"],
      ["1.10", "1.10", "number"],
      [
        "{ id: 9007199254740993, rate: 0.12345678901234567890 }",
        '{"id":9007199254740993,"rate":0.12345678901234567890}',
        "json"
      ],
      ["{ 10: 1.0, 2: [1E5, -0] }", '{"10":1.0,"2":[1E5,-0]}', "json"],
      ["'1.10'", "1.10", undefined],
      ["True", "true", "boolean"],
      ['"a\\r\\n"', "a\r\n", undefined]
    ] as const) {
      const [change] = sent(file(value))
      assert.deepStrictEqual([change?.value, change?.type], [text, type])
    }
    const [asString] = sent(`${file("1.10")}    type: string\n`)
    assert.deepStrictEqual([asString?.value, asString?.type], ["1.10", "string"])
    for (const [value, says] of [
      ["0x1F", "JSON writes the number 0x1F differently"],
      ["+5", "JSON writes the number +5 differently"],
      ["{ limit: .inf }", "not finite"],
      [".nan", "not finite"],
      ["{ a: 1, a: 2 }", 'the key "a" appears twice'],
      ["!!binary aGk=", "JSON can't express a value of the tag tag:yaml.org,2002:binary"],
      ["!!timestamp 2020-01-01", "JSON"],
      ["!!set { a }", "JSON"],
      ["!!omap [{ a: 1 }]", "JSON"],
      ["!mine 1", "JSON"]
    ] as const) {
      assert.include(refused(file(value)), says)
    }
    assert.include(refused('{"changes":[{"key":"a","value":{"x":1,"x":2}}]}'), 'r.yaml: the name "x" appears twice')
    assert.include(refused('{"changes":[{"key":"a","value":1,"schema":{"maximum":1e400}}]}'), "1e400")
  })

  it("RE2 merge keys are merged as YAML 1.1 says", () => {
    const file = `changes:
  - key: m.base
    value: &base { timeout: 5, retries: 3 }
  - key: m.use
    value:
      <<: *base
      retries: 9
`
    assert.deepStrictEqual(
      sent(file).map(({ value }) => value),
      ['{"timeout":5,"retries":3}', '{"timeout":5,"retries":9}']
    )
    const many = Array.from({ length: 300 }, (_, n) => `  - { key: k${n}, value: *base }`).join("\n")
    assert.strictEqual(sent(`changes:\n  - { key: base, value: &base { a: 1.0 } }\n${many}`).at(-1)?.value, '{"a":1.0}')
    const bomb = Array.from({ length: 9 }, (_, n) => `  - { key: b${n}, value: &b${n} [${`*b${n - 1},`.repeat(9)}] }`)
    bomb[0] = "  - { key: b, value: &b0 [1,1,1,1,1,1,1,1,1] }"
    assert.include(refused(`changes:\n${bomb.join("\n")}`), "aliases expand too far")
  })

  it("IN1 a file with a byte order mark is read, one that is not UTF-8 is refused", async () => {
    await using herald = await FakeHerald.start()
    herald.on("POST /v1/releases", { body: answer })
    const latin1 = Buffer.from('{"changes":[{"key":"a","value":"caf\xe9"}]}', "latin1")
    const files = { "bom.json": '\ufeff{"changes":[{"key":"a","value":1.10}]}', "latin1.json": latin1 }
    const cli = terminal({ files, stdin: latin1 })
    assert.strictEqual(await cli.run("release", "apply", "bom.json", "--server", herald.url), 0, cli.said)
    assert.strictEqual((herald.last.body as { changes: Array<{ value: string }> }).changes[0]?.value, "1.10")
    for (const file of ["latin1.json", "-"]) {
      assert.strictEqual(await cli.run("release", "apply", file, "--server", herald.url), 2)
    }
    assert.include(cli.said, "latin1.json is not valid UTF-8")
    assert.include(cli.said, "standard input is not valid UTF-8")
  })

  it("a file that is missing, or is not YAML, says so", async () => {
    const cli = terminal({ files: { "bad.yaml": "changes: [" } })
    assert.strictEqual(await cli.run("release", "apply", "bad.yaml"), 2)
    assert.include(cli.said, "bad.yaml is not YAML")
    assert.strictEqual(await cli.run("release", "apply", "no.yaml"), 2)
    assert.include(cli.said, "no.yaml: there is no such file")
  })
})
