/**
 * A key for some keys, at a real server: what it may not see is in none of the bytes that it receives, at whatever door. What others have is called
 * `zebra…`, and says `tiger`.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { FetchAllFlagsRequest, SyncFlagsRequest } from "../../proto/generated/flagd/sync/v1/sync.ts"
import { SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { PublishRequest } from "../../proto/generated/herald/publishing/v1/publishing.ts"
import { rawStream } from "../support/RawStream.ts"
import { type Server, startServer } from "../support/Server.ts"
import { StreamClient } from "../support/StreamClient.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
let token = ""
/** All bytes of each answer and stream, by what they are of. */
const received = new Map<string, string>()
const hear = (of: string, bytes: string | Uint8Array): void => {
  const text = typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1")
  received.set(of, (received.get(of) ?? "") + text)
}
const heard = (of: string): string => received.get(of) ?? ""
const HIDDEN = /zebra|tiger/i

const production = "?environment=production"
const done = async (method: string, path: string, body?: unknown) => {
  const answer = await server.call(method, path, body)
  assert.isBelow(answer.status, 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}
const rule = { if: [{ "==": [{ var: "who" }, "tiger"] }, "on", "off"] }
const toggle = (targeting: object = { if: [{ var: "vip" }, "on", "off"] }) => ({
  value: { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off", targeting },
  message: "by hand"
})
const experiment = (flag: string, message: string) => ({
  ...{ flag, split: true, message },
  arms: [
    { variant: "off", share: 1 },
    { variant: "on", share: 1 }
  ],
  metrics: [{ kind: "conversion", event: "buy" }]
})

/** As the narrow key; the head of the answer is part of what it receives. */
const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${server.http}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000)
  })
  const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n")
  if (answer.headers.get("content-type")?.startsWith("text/event-stream")) {
    await answer.body?.cancel()
    return { status: answer.status, text: head, body: undefined as never, etag: null }
  }
  const text = await answer.text()
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers by hand
  const json = (): any => JSON.parse(text)
  return {
    status: answer.status,
    text: `${head}\n${text}`,
    etag: answer.headers.get("etag"),
    get body() {
      return json()
    }
  }
}

const streams = new AbortController()
const follow = async (of: string, path: string) => {
  const answer = await fetch(`${server.http}${path}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: streams.signal
  })
  assert.strictEqual(answer.status, 200)
  const pump = async () => {
    for await (const chunk of answer.body!) hear(of, chunk)
  }
  pump().catch(() => {})
}

const calls: Array<() => void> = []
/** A stream by gRPC, as bytes; `ended`: with which code. */
const stream = (of: string, path: string, message: Uint8Array) => {
  const { said, close } = rawStream(
    { address: server.grpc, token, path, message, open: path.endsWith("/Subscribe") },
    (bytes) => hear(of, bytes)
  )
  calls.push(close)
  return said
}

beforeAll(async () => {
  server = await startServer({ LIMIT_REQUESTS_PER_SECOND: "100000", LIMIT_BURST: "100000" })
  for (const name of ["payments", "zebra"]) {
    const animal = name === "zebra" ? "tiger" : "plain"
    await done("PUT", `/v1/config/${name}.db${production}`, { value: { text: animal } })
    await done("PUT", `/v1/flags/${name}.flag${production}`, toggle(name === "zebra" ? rule : undefined))
    await done("PUT", `/v1/flags/${name}.tried${production}`, toggle(name === "zebra" ? rule : undefined))
    await done("PUT", `/v1/segments/${name}.people${production}`, { value: { targetUsers: [animal] } })
    await done("POST", `/v1/experiments/${name}.exp/start${production}`, experiment(`${name}.tried`, animal))
    const flags = [{ flag: `${name}.new`, value: toggle().value }]
    await done("POST", "/v1/rollouts", {
      environment: "production",
      plan: { stages: "10%,100%" },
      flags,
      message: animal
    })
    const changes = [{ key: `${name}.later`, environment: "production", value: animal }]
    await done("POST", "/v1/schedules", { at: "+1h", message: animal, changes })
    await done("POST", `/ofrep/v1/evaluate/flags/${name}.flag`, { context: { targetingKey: animal } })
  }
  const theirs = new StreamClient(server.http, server.token, { form: "json" })
  calls.push(() => theirs.close())
  await theirs.until("welcome")
  theirs.subscribe({ serviceName: "zebra", instanceId: "z", environment: "production", keys: ["zebra.*"] })
  await theirs.synced()
  const key = { name: "pay", role: "publisher", environments: ["production"], keys: ["payments.*"] }
  token = (await done("POST", "/v1/keys", key)).token
})
afterAll(async () => {
  streams.abort()
  for (const end of calls) end()
  await server[Symbol.asyncDispose]()
})

describe("a key for payments.*", () => {
  it("XS1 FF6 FT10 FY4 receives nothing of others by any stream, while these change", async () => {
    const hello = { serviceName: "shop", instanceId: "a", environment: "production", keys: ["payments.*", "@flag/*"] }
    const subscribe = "/herald.distribution.v1.DistributionService/Subscribe"
    stream("Subscribe", subscribe, SubscribeRequest.encode(SubscribeRequest.fromPartial(hello)).finish())
    stream(
      "SyncFlags",
      "/flagd.sync.v1.FlagSyncService/SyncFlags",
      SyncFlagsRequest.encode({ providerId: "", selector: "" }).finish()
    )
    stream("EventStream 1", "/flagd.evaluation.v1.Service/EventStream", new Uint8Array())
    stream("EventStream 2", "/flagd.evaluation.v2.Service/EventStream", new Uint8Array())
    await follow("feed", `/v1/events${production}`)
    await follow("feed of a pattern", `/v1/events${production}&pattern=*`)
    await follow("changes", `/ofrep/v1/events${production}`)
    const socket = new StreamClient(server.http, token, { form: "json" })
    calls.push(() => socket.close())
    await socket.until("welcome")
    socket.subscribe({ ...hello, instanceId: "b" })
    await socket.content('{"text":"plain"}')
    await waitUntil(
      "the first values",
      () => /plain/.test(heard("Subscribe")) && /payments\.flag/.test(heard("SyncFlags"))
    )
    await waitUntil("the streams to begin", () =>
      ["EventStream 1", "EventStream 2"].every((of) => heard(of).includes("provider_ready"))
    )
    for (const name of ["zebra", "payments"]) {
      await done("PUT", `/v1/config/${name}.db${production}`, {
        value: { text: name === "zebra" ? "tiger2" : "plain2" }
      })
      await done("PUT", `/v1/flags/${name}.flag${production}`, toggle({ if: [{ var: `${name}2` }, "on", "off"] }))
      const segment = { value: { targetUsers: [name === "zebra" ? "tiger2" : "plain2"] } }
      await done("PUT", `/v1/segments/${name}.people${production}`, segment)
    }
    await socket.content('{"text":"plain2"}')
    await waitUntil("what it may have to arrive", () =>
      ["Subscribe", "SyncFlags", "feed", "feed of a pattern"].every((of) => heard(of).includes("payments2"))
    )
    await waitUntil("both to tell of the flag", () =>
      ["EventStream 1", "EventStream 2"].every((of) => heard(of).includes("payments.flag"))
    )
    assert.include(heard("Subscribe"), "plain2")
    await waitUntil("the segment to be told", () => heard("feed").includes("payments.people"))
    hear(
      "WebSocket",
      JSON.stringify(socket.told, (_, value) => (typeof value === "bigint" ? String(value) : value))
    )
    for (const [of, text] of received) assert.notMatch(text, HIDDEN, of)
  })

  it("XS2 DN1 is refused by name what it asks for outside, by a stream and a publish", async () => {
    const hello = { serviceName: "shop", instanceId: "c", environment: "production", keys: ["payments.*", "zebra.db"] }
    const message = SubscribeRequest.encode(SubscribeRequest.fromPartial(hello)).finish()
    const refused = stream("refused", "/herald.distribution.v1.DistributionService/Subscribe", message)
    await waitUntil("the refusal", () => refused.ended !== undefined)
    assert.strictEqual(refused.ended, 7)
    assert.match(refused.details, /zebra\.db/)
    assert.strictEqual(heard("refused"), "")
    const publish = { key: "zebra.db", environment: "production", value: '"x"' }
    const path = "/herald.publishing.v1.PublishingService/Publish"
    const item = (key: string) => PublishRequest.encode(PublishRequest.fromPartial({ ...publish, key })).finish()
    const [outside, inside] = [stream("out", path, item("zebra.db")), stream("in", path, item("payments.grpc"))]
    await waitUntil("both answers", () => outside.ended !== undefined && heard("in") !== "")
    assert.strictEqual(outside.ended, 7)
    assert.notStrictEqual(inside.ended, 7)
    for (const [method, path, body] of [
      ["PUT", "/v1/config/zebra.db", { value: 1 }],
      ["PUT", "/v1/flags/zebra.flag", toggle()],
      ["DELETE", "/v1/flags/zebra.flag", undefined],
      ["PUT", "/v1/segments/zebra.people", { value: { targetUsers: ["a"] } }],
      ["PUT", "/v1/flag-settings", { value: { bucketing: "v2" } }],
      ["POST", "/v1/flags/zebra.flag/evaluate", { context: {} }]
    ] as const) {
      const answer = await ask(method, `${path}${production}`, body)
      assert.deepStrictEqual([answer.status, answer.body.details.rule], [403, "keys"], `${method} ${path}`)
      assert.notMatch(answer.text, /tiger/)
    }
    const single = await ask("POST", "/ofrep/v1/evaluate/flags/zebra.flag", { context: {} })
    assert.strictEqual(single.status, 403)
    assert.strictEqual((await ask("POST", "/ofrep/v1/evaluate/flags/payments.flag", { context: {} })).status, 200)
    assert.strictEqual(
      (await ask("PUT", `/v1/config/payments.db${production}`, { value: { text: "mine" } })).status,
      200
    )
    assert.strictEqual((await ask("PUT", `/v1/flags/payments.flag${production}`, toggle())).status, 200)
  })

  it("FU6 XR5 SZ3 XG4 finds nothing of others by any GET, whatever it names", async () => {
    const { paths } = await done("GET", "/openapi.json")
    const [rollout, schedule] = [
      await done("GET", `/v1/rollouts${production}`),
      await done("GET", `/v1/schedules${production}`)
    ]
    const ids = {
      rollout: rollout.rollouts.find((one: object) => HIDDEN.test(JSON.stringify(one)))!.id,
      id: schedule.schedules.find((one: object) => HIDDEN.test(JSON.stringify(one)))!.id
    }
    const names: Record<string, string> = {
      ...ids,
      version: "1",
      segment: "zebra.people",
      experiment: "zebra.exp",
      key: "zebra.db"
    }
    const listed: Array<string> = []
    for (const [path, operations] of Object.entries<Record<string, unknown>>(paths)) {
      if (!("get" in operations)) continue
      const named = path.includes("{")
      const asked = path.replace(/\{(\w+)\}/g, (_, name) => names[name] ?? "zebra.flag")
      for (const more of ["", "&prefix=zebra", "&from=1&to=2", "&limit=1&q=zebra"]) {
        const { status, text } = await ask("GET", `${asked}${production}${more}`)
        if (named && status < 400) assert.include([`/v1/topics/${names["id"]}`], path, `${asked} ${text}`)
        assert.notMatch(text, named || more !== "" ? /tiger/i : HIDDEN, `${asked}${more}`)
        if (status === 200 && text.includes("payments.")) listed.push(path)
      }
    }
    const lists = "config flags flagd segments rollouts schedules experiments flag-usage clients"
    assert.includeMembers(
      listed,
      lists.split(" ").map((name) => `/v1/${name}`)
    )
    const bulk = await ask("POST", "/ofrep/v1/evaluate/flags", { context: { targetingKey: "a" } })
    assert.include(bulk.text, "payments.flag")
    assert.notMatch(bulk.text, HIDDEN)
    const other = await done("POST", "/v1/keys", {
      name: "two",
      role: "viewer",
      environments: ["production"],
      keys: ["payments.*", "zebra.none"]
    })
    const mine = token
    token = other.token
    const again = await ask(
      "POST",
      "/ofrep/v1/evaluate/flags",
      { context: { targetingKey: "a" } },
      { "if-none-match": bulk.etag! }
    )
    assert.strictEqual(again.status, 200)
    token = mine
    const known = await ask(
      "POST",
      "/ofrep/v1/evaluate/flags",
      { context: { targetingKey: "a" } },
      { "if-none-match": bulk.etag! }
    )
    assert.strictEqual(known.status, 304)
    for (const [of, path, message] of [
      [
        "FetchAllFlags",
        "/flagd.sync.v1.FlagSyncService/FetchAllFlags",
        FetchAllFlagsRequest.encode({ providerId: "", selector: "" }).finish()
      ],
      ["ResolveAll", "/flagd.evaluation.v1.Service/ResolveAll", new Uint8Array()]
    ] as const) {
      const one = stream(of, path, message)
      await waitUntil(of, () => heard(of) !== "" || one.ended !== undefined)
      assert.include(heard(of), "payments.flag")
      assert.notMatch(heard(of), HIDDEN, of)
    }
  })
})
