/** An exported audit log at the command line: written in pages, gone on with, and verified without a server. */
import { appendFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { type AuditLine, lineOfText } from "../../../../src/audit/AuditFile.ts"
import { pemOf } from "../../../../src/audit/CheckpointKey.ts"
import { checkpointOf, fileOf, logOf, signer } from "../../../support/AuditFiles.ts"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { newFolder } from "../../../support/folder.ts"
import { type TerminalOptions, terminal } from "../../../support/Terminal.ts"

const key = signer()
const log = logOf(6)
const file = fileOf(log, key, [4, 6])
const linesOf = (texts: ReadonlyArray<string>): ReadonlyArray<AuditLine> => texts.map((text) => lineOfText(text)!)
/** As the server gives it: the key, and what was signed of the entry before, come with each. */
const page = (texts: ReadonlyArray<string>, next: number | null, unsigned: string | null = null) => ({
  body: { lines: linesOf(texts), next, last: 6, unsigned }
})
const [ofKey, e1, e2, e3, e4, c4, e5, e6, c6] = file as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string
]
const pages = [page([e1, e2], 2), page([ofKey, e3, e4, c4], 4), page([ofKey, c4, e5, e6, c6], null)]
const whole = [e1, e2, ofKey, e3, e4, c4, e5, e6, c6]

let folder: ReturnType<typeof newFolder>
beforeEach(() => {
  folder = newFolder()
  mkdirSync(folder.path, { recursive: true })
})
afterEach(() => folder.remove())
const at = (name: string) => join(folder.path, name)

const pem = `# a key\n${pemOf(key)}`
const verify = async (
  lines: string,
  args: ReadonlyArray<string> = ["--key", "keys"],
  options: TerminalOptions = {}
) => {
  const path = at("audit.jsonl")
  writeFileSync(path, lines)
  const cli = terminal({ files: { keys: pem }, ...options })
  return { cli, exit: await cli.run("audit", "verify", "--file", path, ...args) }
}
const text = (lines: ReadonlyArray<string>) => lines.map((line) => `${line}\n`).join("")

describe("audit export", () => {
  const exportTo = async (args: ReadonlyArray<string>, replies = pages) => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/audit/export", ...replies)
    const cli = terminal({ terminal: false })
    const exit = await cli.run("audit", "export", ...args, "--server", herald.url)
    return { cli, exit, asked: herald.requests.map(({ query }) => query["after"]) }
  }

  it("AE6 writes page after page, and nothing twice; what it says goes to standard error", async () => {
    const { cli, exit, asked } = await exportTo([])

    assert.strictEqual(exit, 0)
    assert.deepStrictEqual(asked, ["0", "2", "4"])
    assert.strictEqual(cli.printed, whole.join("\n"))
    assert.include(cli.said, "exported 6 entries, up to entry 6, which is signed")
  })

  it("AE6 a file is only its user's, and one that is begun is gone on with, whatever became of its last line", async () => {
    const path = at("audit.jsonl")
    assert.strictEqual((await exportTo(["--file", path])).exit, 0)
    assert.strictEqual(readFileSync(path, "utf8"), text(whole))
    assert.strictEqual(statSync(path).mode & 0o777, 0o600)

    truncateSync(path, text(whole).length - 30)
    const again = await exportTo(["--file", path], [page([ofKey, c6], null)])
    assert.deepStrictEqual(again.asked, ["6"])
    assert.strictEqual(readFileSync(path, "utf8"), text([...whole.slice(0, -1), ofKey, c6]))

    writeFileSync(path, text(whole.slice(0, 6)) + e5.slice(0, 100))
    const rest = await exportTo(["--file", path], [page([ofKey, c4, e5, e6, c6], null)])
    assert.deepStrictEqual(rest.asked, ["4"])
    assert.strictEqual(readFileSync(path, "utf8"), text([...whole.slice(0, 6), ofKey, e5, e6, c6]))
    assert.strictEqual((await verify(readFileSync(path, "utf8"))).exit, 0)

    const nothing = await exportTo(["--file", path], [page([ofKey, c6], null)])
    assert.strictEqual(nothing.exit, 0)
    assert.strictEqual((await verify(readFileSync(path, "utf8"))).exit, 0)
  })

  it("AE6 what is there and is no export is left as it is", async () => {
    for (const content of ["my diary\n", "no newline", text([e1, "{}"])]) {
      writeFileSync(at("other"), content)
      const { exit, asked, cli } = await exportTo(["--file", at("other")])
      assert.strictEqual(exit, 2)
      assert.deepStrictEqual(asked, [])
      assert.include(cli.said, "no line of an exported audit log")
      assert.strictEqual(readFileSync(at("other"), "utf8"), content)
    }
    assert.strictEqual((await exportTo(["--file", at("nowhere/x")])).exit, 2)
    assert.strictEqual((await exportTo(["--file", at("x"), "--after", "3"])).exit, 2)
    assert.strictEqual((await exportTo(["--after=-1"])).exit, 2)
  })

  it("AE6 an export that fails in the middle says where to go on", async () => {
    const broken = problem("Forbidden", "not any more")
    const { cli, exit } = await exportTo([], [pages[0]!, pages[1]!, broken as never])
    assert.strictEqual(exit, 6)
    assert.include(cli.said, "go on with: herald audit export --after 4")
    const rest = await exportTo(["--after", "4"], [pages[2]!])
    assert.deepStrictEqual(rest.asked, ["4"])
    assert.strictEqual((await verify(`${cli.printed}\n${rest.cli.printed}\n`)).exit, 0)
    const inFile = await exportTo(["--file", at("audit.jsonl")], [pages[0]!, broken as never])
    assert.include(inFile.cli.said, `go on with: herald audit export --file ${at("audit.jsonl")}`)
  })

  it("AE1 an end that is not signed is told, and the exit code is 3", async () => {
    const { cli, exit } = await exportTo(
      [],
      [page(whole.slice(0, -1), null, "the log ends with entry 6; it had entry 9")]
    )
    assert.strictEqual(exit, 3)
    assert.include(cli.said, "the log ends with entry 6; it had entry 9")
    assert.strictEqual(cli.printed, whole.slice(0, -1).join("\n"))
  })

  it("AC5 the public keys are printed as every tool reads them", async () => {
    await using herald = await FakeHerald.start()
    const wire = { id: key.id, algorithm: "ed25519", pem: pemOf(key), at: 0 }
    herald.on("GET /v1/audit/key", { body: { current: wire, keys: [wire] } })
    const cli = terminal()
    assert.strictEqual(await cli.run("audit", "key", "--output", "table", "--server", herald.url), 0)
    assert.strictEqual(
      cli.printed,
      `# ${key.id}, known since 1970-01-01T00:00:00Z, signs at this server\n${pemOf(key).trim()}`
    )
    const json = terminal()
    await json.run("audit", "key", "--server", herald.url)
    for (const keys of [cli.printed, json.printed])
      assert.strictEqual((await verify(text(whole), ["--key", "keys"], { files: { keys } })).exit, 0)
  })
})

describe("audit verify --file", () => {
  it("AE3 needs no server, says what is whole, and by whom", async () => {
    const { exit, cli } = await verify(text(whole), ["--key", "keys", "--output", "table"])
    assert.strictEqual(exit, 0)
    assert.strictEqual(
      cli.printed,
      `the file is whole: 6 entries, 1 to 6; 2 checkpoints agree, the newest of 1970-01-01T00:00:06Z with entry 6, signed by ${key.id}`
    )
    const { cli: other } = await verify(text(whole))
    assert.deepInclude(other.json, { ok: true, problem: null, entries: 6, checked: 2 })
  })

  it("AE3 exit code 1, with the first wrong line and why", async () => {
    const wrong: ReadonlyArray<readonly [lines: string, line: number, says: string]> = [
      [text([e1, e2.replace("ann", "eve"), ...whole.slice(2)]), 2, "entry 2 is not what its hash is of"],
      [text([e1, ...whole.slice(2)]), 3, "entry 2 is missing"],
      [text([e2, e1, ...whole.slice(2)]), 1, "entry 1 should stand here, and stands in line 2"],
      [text([e1, e2, e1, ...whole.slice(2)]), 3, "it was put in, or stands there twice"],
      [text(whole.slice(0, -1)), 7, "entries 5 to 6 are signed by none"],
      [text(whole).slice(0, -20), 9, "this is no line as"],
      [`${text(whole)}${"x".repeat(9 * 1_048_576)}\n`, 10, "this is no line as"],
      ["", 1, "there is no entry"]
    ]
    for (const [lines, line, says] of wrong) {
      const { exit, cli } = await verify(lines)
      assert.strictEqual(exit, 1, says)
      assert.deepInclude(cli.json, { ok: false })
      assert.strictEqual(cli.json.problem.line, line, says)
      assert.include(cli.json.problem.message, says)
      assert.include(cli.said, `line ${line}: `)
    }
    writeFileSync(at("latin"), Buffer.concat([Buffer.from(text([e1])), Buffer.from([0xe4, 0x0a])]))
    const cli = terminal({ files: { keys: pem } })
    assert.strictEqual(await cli.run("audit", "verify", "--file", at("latin"), "--key", "keys"), 1)
    assert.strictEqual(cli.json.problem.line, 2)
  })

  it("AE3 a file whose last line has no end is as good", async () => {
    assert.strictEqual((await verify(text(whole).slice(0, -1))).exit, 0)
  })

  it("AE3 a cut end is found by a checkpoint from a log", async () => {
    const cut = text([e1, e2, ofKey, e3, e4, c4])
    assert.strictEqual((await verify(cut)).exit, 0)
    const { exit, cli } = await verify(cut, ["--key", "keys", "--checkpoint", checkpointOf(log, key, 6)])
    assert.strictEqual(exit, 1)
    assert.deepInclude(cli.json.problem, { kind: "truncated", line: 7, entry: 5 })
  })

  it("AE4 a part is checked as one, where that is asked for", async () => {
    assert.strictEqual((await verify(text([e5, e6, c6]))).exit, 1)
    assert.strictEqual((await verify(text([e5, e6, c6]), ["--key", "keys", "--after", "4"])).exit, 0)
  })

  it("AE3 exit code 2 where nothing can be checked", async () => {
    const lines = text(whole)
    const args: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: string]> = [
      [[], "--file needs --key"],
      [["--key", "nothing"], "there is no such file"],
      [["--key", "private"], "there is no public key in it"],
      [["--key", "rsa"], "not of Ed25519"],
      [["--key", "keys", "--checkpoint", checkpointOf(log, signer(), 6)], "no whole line that a key of --key signed"],
      [["--key", "keys", "--checkpoint", checkpointOf(log, { ...signer(), id: key.id }, 6)], "no whole line"],
      [["--key", "keys", "--after=-2"], "--after is the number of an entry"],
      [["--key", "keys", "--from", "x"], "--from is for a server's log"]
    ]
    const rsa = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAAAAA\n-----END PUBLIC KEY-----"
    const files = { keys: pem, private: "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", rsa }
    for (const [given, says] of args) {
      const { exit, cli } = await verify(lines, given, { files })
      assert.strictEqual(exit, 2, says)
      assert.include(cli.said, says)
    }
    const cli = terminal({ files })
    assert.strictEqual(await cli.run("audit", "verify", "--file", at("none"), "--key", "keys"), 2)
    assert.strictEqual(await cli.run("audit", "verify", "--file", folder.path, "--key", "keys"), 2)
    assert.strictEqual(await cli.run("audit", "verify", "--key", "keys"), 2)
  })

  it("AE6 a line that lies over the border of what is read at once is read whole", async () => {
    const many = logOf(8_000)
    const lines = fileOf(many, key, [8_000])
    appendFileSync(at("large"), text(lines))
    assert.isAbove(statSync(at("large")).size, 2 * 1_048_576)
    const cli = terminal({ files: { keys: pem } })
    assert.strictEqual(await cli.run("audit", "verify", "--file", at("large"), "--key", "keys"), 0)
    assert.deepInclude(cli.json, { entries: 8_000, last: 8_000 })
  })
})
