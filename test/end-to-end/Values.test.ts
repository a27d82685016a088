/** Values through every door of a real server and its PostgreSQL: what a client holds is what was written, byte for byte. */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { jsonText } from "../support/JsonText.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

/** The same in each run. */
const texts = (count: number): ReadonlyArray<string> => {
  let state = 7
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) >> 8
  const made = new Set<string>()
  while (made.size < count) {
    const text = jsonText(Array.from({ length: 60 }, next))
    if (text !== "null") made.add(text)
  }
  return [...made]
}
/** What the text is as a value: of a JSON string what it says. */
const valueOf = (text: string): string => (text.startsWith('"') ? JSON.parse(text) : text)

const send = async (method: string, path: string, body: string) => {
  const headers = { authorization: `Bearer ${server.token}`, "content-type": "application/json" }
  const answer = await fetch(`${server.http}${path}`, { method, headers, body })
  assert.strictEqual(answer.status, 200, `${body}: ${await answer.text()}`)
}

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const herald = async (args: ReadonlyArray<string>, input: string | Buffer = "") => {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { PATH: process.env["PATH"], HERALD_DATA: server.data },
    stdio: ["pipe", "pipe", "pipe"]
  })
  const chunks: Array<Buffer> = []
  let said = ""
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on("data", (chunk) => (said += String(chunk)))
  child.stdin.end(input)
  const code = await new Promise((resolve) => child.once("close", resolve))
  return { code, out: Buffer.concat(chunks).toString(), said }
}

describe("values", () => {
  it("any JSON: a release over REST, each version of a key, and the SDK", async () => {
    const all = texts(150)
    const changes = all.map((text, n) => `{"key":"v.k${n}","environment":"production","value": ${text} }`)
    await send("POST", "/v1/releases", `{"message":"all","changes":[${changes.join("\n,")}]}`)
    await using client = await HeraldClient.connect({
      address: server.grpc,
      service: "v",
      token: server.token,
      waitForSync: true
    })
    const held = (n: number) => client.getEntry(`v.k${n}`)?.text
    assert.deepStrictEqual(
      all.map((_, n) => held(n)),
      all.map(valueOf)
    )

    // Versions of one key, so that deltas are made where they may be.
    const padding = "x".repeat(400)
    for (const text of all.slice(0, 60)) {
      const value = `{"a":${text},"padding":"${padding}"}`
      await send("PUT", "/v1/config/v.one?environment=production", `{"value":${value},"type":"json"}`)
      await waitUntil("the version", () => client.getEntry("v.one")?.text === value)
      const { body } = await server.call("GET", "/v1/config/v.one?environment=production&as=text&consistency=strong")
      assert.strictEqual(body.value, value)
    }
  })

  it("a release file in JSON, standard input, and what is printed", async () => {
    const all = texts(40)
    const file = join(server.data, "release.json")
    const changes = all.map((text, n) => `{"value":${text},\n"key":"f.k${n}"}`)
    writeFileSync(file, `{ "changes": [${changes.join(",")}] }\n`)
    const applied = await herald(["release", "apply", file])
    assert.strictEqual(applied.code, 0, applied.said)
    for (const [n, text] of all.entries()) {
      const { body } = await server.call("GET", `/v1/config/f.k${n}?environment=production&as=text`)
      assert.strictEqual(body.value, valueOf(text))
    }
    for (const text of all.filter((one) => one.startsWith("{")).slice(0, 3)) {
      const published = await herald(["publish", "f.piped", "-", "--type", "json"], `${text}\n`)
      assert.strictEqual(published.code, 0, published.said)
      assert.strictEqual((await herald(["get", "f.piped", "--raw"])).out, `${text}\n`)
    }
  })

  it("IN1 standard input that is not UTF-8, or endless, is refused", async () => {
    const latin1 = await herald(["publish", "f.latin1", "-"], Buffer.from("caf\xe9", "latin1"))
    const endless = await herald(["publish", "f.endless", "@/dev/zero"])

    assert.deepStrictEqual([latin1.code, endless.code], [2, 2])
    assert.include(latin1.said, "standard input is not valid UTF-8")
    assert.include(endless.said, "at most 1048576 bytes")
  })
})
