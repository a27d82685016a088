/** Changes as server-sent events: a real server, and clients that nobody here wrote. */
import { spawn } from "node:child_process"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await new Server({ FEEDS_MAX: "2" }).start()
})
afterAll(() => server.end("SIGTERM"))

const children: Array<ReturnType<typeof spawn>> = []
afterAll(() => {
  for (const child of children) child.kill()
})

/** What curl prints of a feed, as it comes; and how it ended. */
const curl = (query: string, token: string, ...more: ReadonlyArray<string>) => {
  const url = `${server.http}/v1/events?environment=production${query}`
  const child = spawn("curl", ["-sS", "-N", "-i", "-H", `authorization: Bearer ${token}`, ...more, url])
  children.push(child)
  const said = { text: "", code: undefined as number | null | undefined }
  child.stdout.on("data", (chunk) => (said.text += String(chunk)))
  child.stderr.on("data", (chunk) => (said.text += String(chunk)))
  child.once("exit", (code) => (said.code = code))
  return { said, kill: () => child.kill() }
}

const put = (key: string, value: unknown) => server.call("PUT", `/v1/config/${key}?environment=production`, { value })
const idsIn = (text: string) => [...text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id!)

describe("Feeds", () => {
  it("FF1 SX1 curl follows changes, and goes on where it left", async () => {
    const first = curl("&pattern=a.*", server.token)
    await waitUntil("the feed to begin", () => first.said.text.includes("id: ") || undefined)
    assert.match(first.said.text, /^HTTP\/1\.1 200 OK/)
    assert.match(first.said.text, /content-type: text\/event-stream/i)
    await put("b", 1)
    await put("a.x", { n: 1 })
    await waitUntil("the change", () => /"key":"a\.x"/.test(first.said.text) || undefined)
    first.kill()
    assert.notInclude(first.said.text, '"key":"b"')
    assert.include(first.said.text, '"value":{"n":1},')
    const id = idsIn(first.said.text).at(-1)!

    await put("a.y", 2)
    await put("a.x", { n: 2 })
    const second = curl("&as=text", server.token, "-H", `last-event-id: ${id}`)
    await waitUntil("what was missed", () => (second.said.text.match(/event: change/g) ?? []).length === 2 || undefined)
    second.kill()
    assert.deepStrictEqual(
      [...second.said.text.matchAll(/"key":"([^"]+)"/g)].map(([, key]) => key),
      ["a.y", "a.x"]
    )
    assert.include(second.said.text, '"value":"{\\"n\\":2}",')

    const strange = curl("&lastEventId=none.7", server.token)
    await waitUntil("a reset", () => strange.said.text.includes("event: reset") || undefined)
    strange.kill()
  })

  it("FF3 FF4 a feed too many is refused; a revoked key ends its feed within 5 s, and leaving ends all", async () => {
    const made = await server.call("POST", "/v1/keys", { name: "reader", role: "viewer", environments: ["production"] })
    await waitUntil("places to be free", async () => {
      const free = curl("", server.token)
      await waitUntil("an answer", () => free.said.text.includes("\n\n") || free.said.text.includes("}") || undefined)
      free.kill()
      return free.said.text.includes("200 OK") || undefined
    })
    const reader = curl("", made.body.token)
    const admin = curl("", server.token)
    await waitUntil(
      "both to begin",
      () => [reader, admin].every(({ said }) => idsIn(said.text).length > 0) || undefined
    )
    const third = curl("", server.token)
    await waitUntil("a refusal", () => third.said.code === 0 || undefined)
    assert.match(third.said.text, /HRLD-500\d|HRLD-3004/)

    await server.call("DELETE", `/v1/keys/${made.body.key.id}`)
    await waitUntil("the revoked feed to end", () => reader.said.code === 0 || undefined)
    assert.match(reader.said.text, /event: end\ndata: .*HRLD-5005/)
    await server.end("SIGTERM")
    await waitUntil("the other to end", () => admin.said.code === 0 || undefined)
    assert.match(admin.said.text, /event: end\ndata: .*HRLD-/)
    assert.notInclude(admin.said.text, "HRLD-5005")
  })
})
