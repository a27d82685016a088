/** What browsers do: OpenFeature's own web SDK and provider, as they are in their registry, with an `EventSource`, against a real server. */
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider"
import { type Client, OpenFeature, type Provider, ProviderEvents } from "@openfeature/web-sdk"
import { EventSource } from "eventsource"
import { afterAll, beforeAll } from "vitest"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
let plain: Server
beforeAll(async () => {
  Object.assign(globalThis, { EventSource })
  server = await startServer({ FLAGS_ORIGINS: "https://app.example.com", FLAGS_ANONYMOUS: "none" })
  plain = await startServer()
})
afterAll(async () => {
  await OpenFeature.close()
  await server[Symbol.asyncDispose]()
  await plain[Symbol.asyncDispose]()
})

const put = async (to: Server, flag: string, value: unknown, environment = "production") => {
  const { status, body } = await to.call("PUT", `/v1/flags/${flag}?environment=${environment}`, { value })
  assert.strictEqual(status, 200, JSON.stringify(body))
  return body as { readonly epoch: string; readonly revision: number }
}
const on = (is: boolean) => ({
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: is ? "on" : "off"
})
const headers = (of: Server) => ({ authorization: `Bearer ${of.token}`, "content-type": "application/json" })
const ask = (of: Server, query = "", more: Record<string, string> = headers(of)) =>
  fetch(`${of.http}/ofrep/v1/evaluate/flags${query}`, { method: "POST", headers: more, body: "{}" })
const streamOf = async (of: Server, more?: Record<string, string>): Promise<string> => {
  const { eventStreams } = (await (await ask(of, "", more)).json()) as {
    eventStreams: ReadonlyArray<{ endpoint: { requestUri: string } }>
  }
  return `${of.http}${eventStreams[0]!.endpoint.requestUri}`
}

let names = 0
const clientOf = async (of: Server, withKey = true): Promise<Client> => {
  const name = `web-${++names}`
  const provider = new OFREPWebProvider({
    baseUrl: of.http,
    cacheMode: "disabled",
    ...(withKey ? { headers: [["Authorization", `Bearer ${of.token}`]] } : {})
  })
  await OpenFeature.setProviderAndWait(name, provider as Provider, { targetingKey: "ann" })
  return OpenFeature.getClient(name)
}

interface Heard {
  readonly id: string
  readonly data: { readonly type: string; readonly etag: string }
}
const listen = (url: string) => {
  const source = new EventSource(url)
  const heard: Array<Heard> = []
  source.addEventListener("message", ({ data, lastEventId }) => heard.push({ id: lastEventId, data: JSON.parse(data) }))
  return { source, heard }
}

describe("OpenFeature in a browser", () => {
  it("RG1, OF3 a change reaches a page's provider by its stream, and again after the server was gone", async () => {
    await put(server, "toggle", on(false))
    const client = await clientOf(server)
    const events: Array<string> = []
    for (const event of [ProviderEvents.ConfigurationChanged, ProviderEvents.Stale] as const)
      client.addHandler(event, () => void events.push(event))
    assert.isFalse(client.getBooleanValue("toggle", true))

    await put(server, "toggle", on(true))
    await waitUntil("the provider to be current", () => client.getBooleanValue("toggle", false))
    assert.include(events, ProviderEvents.ConfigurationChanged)

    await server.end("SIGTERM")
    await waitUntil("the provider to know", () => events.includes(ProviderEvents.Stale))
    assert.isTrue(client.getBooleanValue("toggle", false))
    await server.start()
    await put(server, "toggle", on(false))
    await waitUntil("the provider to be current", () => !client.getBooleanValue("toggle", true))
  })

  it("OF4 an event's id is where its reader goes on, and a re-fetch with it has the change", async () => {
    const { source, heard } = listen(await streamOf(server))
    await waitUntil("the stream to be open", () => source.readyState === EventSource.OPEN)
    const { epoch, revision } = await put(server, "toggle", on(true))
    const at = `${epoch}.${revision}`
    const event = await waitUntil("the event", () => heard.find(({ id }) => id === at))
    source.close()
    assert.deepStrictEqual(event.data, { type: "refetchEvaluation", etag: at })
    const again = await ask(server, `?flagConfigEtag=${encodeURIComponent(event.data.etag)}`)
    const { flags } = (await again.json()) as { flags: ReadonlyArray<{ key: string; value: boolean }> }
    assert.isTrue(flags.find(({ key }) => key === "toggle")!.value)

    const missed = await put(server, "toggle", on(false))
    const next = listen(`${await streamOf(server)}&lastEventId=${at}`)
    await waitUntil("what was missed", () => next.heard.some(({ id }) => id === `${missed.epoch}.${missed.revision}`))
    next.source.close()
  })

  it("TI1, TU1 the ticket is in no log, and ends with its key", async () => {
    const { body: made } = await server.call("POST", "/v1/keys", {
      name: "page",
      role: "subscriber",
      environments: ["production"]
    })
    const url = await streamOf(server, { ...headers(server), authorization: `Bearer ${made.token}` })
    const { source } = listen(url)
    await waitUntil("the stream to be open", () => source.readyState === EventSource.OPEN)
    await server.call("DELETE", `/v1/keys/${made.key?.id ?? made.id}`)
    await waitUntil("the stream to be refused", () => source.readyState === EventSource.CLOSED)
    assert.strictEqual((await fetch(url)).status, 401)
    assert.notInclude(server.output, new URL(url).searchParams.get("ticket")!.split(".")[2]!)
  })

  it("OX1 the stream of another origin's page can be read by those that are named", async () => {
    const url = await streamOf(server)
    for (const [origin, allowed] of [
      ["https://app.example.com", "https://app.example.com"],
      ["https://evil.example.com", null]
    ] as const) {
      const stop = new AbortController()
      const answer = await fetch(url, { headers: { origin }, signal: stop.signal })
      assert.deepStrictEqual([answer.status, answer.headers.get("access-control-allow-origin")], [200, allowed])
      assert.strictEqual(answer.headers.get("content-type"), "text/event-stream")
      stop.abort()
    }
  })

  it("OK3 a server for this machine alone gives its programs flags without a key, and nobody who came by a proxy", async () => {
    await put(plain, "toggle", on(false))
    await put(plain, "toggle", on(false), "staging")
    const client = await clientOf(plain, false)
    assert.isFalse(client.getBooleanValue("toggle", true))
    await put(plain, "toggle", on(true))
    await waitUntil("the provider to be current", () => client.getBooleanValue("toggle", false))
    assert.include(plain.output, "flags of production, by programs of this machine")

    const port = Number(new URL(plain.http).port)
    for (const [status, more] of [
      [200, `Host: localhost:${port}`],
      [401, "Host: flags.example"],
      [401, `Host: localhost:${port}\r\nX-Forwarded-For: 10.0.0.1`],
      [403, `Host: localhost:${port}\r\nFlagd-Selector: flagSetId=staging`]
    ] as const) {
      const said = await raw(
        port,
        `POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n${more}\r\n\r\n`
      )
      assert.match(said, new RegExp(`^HTTP/1.1 ${status} `), more)
    }
    assert.strictEqual((await ask(server, "", {})).status, 401)
  })
})

const raw = (port: number, request: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(request))
    socket.on("data", (bytes) => void (said += bytes))
    socket.on("end", () => resolve(said))
    socket.on("error", reject)
  })
