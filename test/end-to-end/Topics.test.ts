/** Topics on a real server: made, published to and read by REST, gRPC and the command line, over kill -9. */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { afterAll, beforeAll } from "vitest"
import { TopicManagerClient } from "#proto/herald/topics/v1/managers.ts"
import {
  type PublishEventsResponse,
  type PublishStreamResponse,
  TopicServiceClient
} from "#proto/herald/topics/v1/topics.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const start = (token: string | undefined, ...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [bin, ...args], {
    env: {
      PATH: process.env["PATH"],
      HERALD_DATA: server.data,
      ...(token === undefined ? {} : { HERALD_TOKEN: token, HERALD_SERVER: server.http })
    },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const said = { out: "", err: "" }
  child.stdout!.on("data", (chunk) => (said.out += String(chunk)))
  child.stderr!.on("data", (chunk) => (said.err += String(chunk)))
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  return { child, said, ended }
}
const run = async (...args: ReadonlyArray<string>) => {
  const { said, ended } = start(undefined, ...args, "--output", "json")
  return { code: await ended, ...said }
}
const json = async (...args: ReadonlyArray<string>) => {
  const done = await run(...args)
  assert.strictEqual(done.code, 0, done.err)
  return JSON.parse(done.out)
}
const lines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))

const eventsOf = async (topic: string, query = "") => {
  const { status, body } = await server.call("GET", `/v1/topics/${encodeURIComponent(topic)}/events?limit=1000${query}`)
  assert.strictEqual(status, 200, JSON.stringify(body))
  return body
}
const published = async (topic: string, events: ReadonlyArray<unknown>, query = "") => {
  const answer = await server.call("POST", `/v1/topics/${encodeURIComponent(topic)}/events${query}`, { events })
  assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

const metadata = () => {
  const all = new Metadata()
  all.set("authorization", `Bearer ${server.token}`)
  return all
}
const called = <A>(call: (done: (error: ServiceError | null, answer: A) => void) => unknown): Promise<A> =>
  new Promise((resolve, reject) => call((error, answer) => (error === null ? resolve(answer) : reject(error))))

const event = (text: string, key = "") => ({ key, payload: Buffer.from(text), timeMs: 0n, headers: {} })
const batch = (topic: string, ...texts: ReadonlyArray<string>) => ({
  ...{ topic, events: texts.map((text) => event(text)), producerId: "", producerEpoch: 0, sequence: 0n }
})

describe("topics", () => {
  it("TV2, TK5 events come by REST, gRPC and the command line, and are read as they were published, over kill -9", async () => {
    const made = await json("topic", "create", "shop/orders", "--partitions", "3", "--retention", "7d,1GiB")
    assert.deepInclude(made, { name: "shop/orders", partitions: 3, retention: "7d,1GiB", log: "postgres", version: 1 })
    const text = '{"total": 1.10, "id": 9007199254740993}'
    const rest = await server.call(
      "POST",
      "/v1/topics/shop%2Forders/events",
      `{"events":[{"key":"a","value":${text},"headers":{"source":"rest"},"occurredAt":17},{"key":"a","value":"plain"},{"key":"a","base64":"/w=="}]}`
    )
    assert.strictEqual(rest.status, 200, JSON.stringify(rest.body))
    assert.deepInclude(rest.body.placed[0], { count: 3, duplicate: false })
    const service = new TopicServiceClient(server.grpc, credentials.createInsecure())
    const answer = await called<PublishEventsResponse>((done) =>
      service.publish({ ...batch("shop/orders"), events: [event("one", "b"), event("two", "c")] }, metadata(), done)
    )
    assert.strictEqual(answer.partitions, 3)
    assert.strictEqual(
      answer.placed.reduce((sum, { count }) => sum + count, 0),
      2
    )
    assert.deepInclude(await json("topic", "publish", "shop/orders", "from the shell", "--key", "a"), { events: 1 })

    await server.end("SIGKILL")
    await server.start()
    service.close()

    const { events, gaps } = await eventsOf("shop/orders")
    assert.deepStrictEqual(gaps, [])
    const ofA = events.filter(({ key }: { key: string }) => key === "a")
    assert.deepStrictEqual(
      ofA.map(({ value, base64 }: { value: unknown; base64: string }) => value ?? base64),
      [JSON.parse(text), "plain", "/w==", "from the shell"]
    )
    assert.deepInclude(ofA[0], { headers: { source: "rest" }, occurredAt: 17 })
    const raw = await server.call("GET", "/v1/topics/shop%2Forders/events?as=text")
    assert.strictEqual(raw.body.events.find(({ key }: { key: string }) => key === "a").value, text)
    const tailed = await run("topic", "tail", "shop/orders", "--from", "earliest", "--once")
    assert.strictEqual(tailed.code, 0, tailed.err)
    assert.include(tailed.out, text)
    assert.lengthOf(lines(tailed.out), 6)
    const stats = await json("topic", "stats", "shop/orders")
    assert.deepInclude(stats, { events: 6, subscriptions: 0 })
    assert.strictEqual((await json("topic", "list", "shop/")).length, 1)
  })

  it("TQ1, P1 batches on a stream are answered in order, in the log in order, and once though they are sent again", async () => {
    await json("topic", "create", "stream")
    const service = new TopicServiceClient(server.grpc, credentials.createInsecure())
    const opened = await called<{ epoch: number; partitions: number }>((done) =>
      service.openProducer({ topic: "stream", producerId: "p" }, metadata(), done)
    )
    assert.strictEqual(opened.partitions, 1)
    const send = async (epoch: number, from: number, to: number) => {
      const call = service.publishStream(metadata())
      const answers: Array<PublishStreamResponse> = []
      const over = new Promise<void>((resolve, reject) => {
        call.on("data", (answer: PublishStreamResponse) => answers.push(answer))
        call.on("end", () => resolve())
        call.on("error", reject)
      })
      for (let n = from; n < to; n++) {
        const its = {
          ...batch("stream", `${2 * n}`, `${2 * n + 1}`),
          partition: 0,
          producerId: "p",
          producerEpoch: epoch
        }
        call.write({ id: BigInt(n), publish: { ...its, sequence: BigInt(2 * n + 1) } })
      }
      call.end()
      await over
      return answers
    }
    const first = await send(opened.epoch, 0, 200)
    assert.deepStrictEqual(
      first.map(({ id }) => Number(id)),
      Array.from({ length: 200 }, (_, n) => n)
    )
    for (const { outcome } of first) assert.strictEqual(outcome?.$case, "published")
    const again = await send(opened.epoch, 190, 210)
    const [old] = again
    assert.deepInclude(old?.outcome?.$case === "published" ? old.outcome.value.placed[0] : {}, { duplicate: true })
    const page = await eventsOf("stream")
    assert.deepStrictEqual(
      page.events.map(({ value }: { value: string }) => Number(value)),
      Array.from({ length: 420 }, (_, n) => n)
    )
    const later = await called<{ epoch: number }>((done) =>
      service.openProducer({ topic: "stream", producerId: "p" }, metadata(), done)
    )
    assert.isAbove(later.epoch, opened.epoch)
    const [fenced] = await send(opened.epoch, 210, 211)
    assert.deepInclude(fenced?.outcome?.$case === "problem" ? fenced.outcome.value : {}, { code: "HRLD-2074" })
    const [skipped] = await send(later.epoch, 300, 301)
    assert.deepInclude(skipped?.outcome?.$case === "problem" ? skipped.outcome.value : {}, { code: "HRLD-2075" })
    service.close()
  })

  it("TK1, TK4 a tail gets what comes, over a restart of the server; a page goes on where the one before ended", async () => {
    await json("topic", "create", "tailed", "--partitions", "4")
    await published("tailed", [{ key: "k", value: "before" }])
    const { child, said, ended } = start(undefined, "topic", "tail", "tailed", "--from", "earliest", "--json")
    await waitUntil("the tail to print what there is", () => said.out.includes("before"))
    await published("tailed", [{ key: "k", value: "live" }])
    await waitUntil("the tail to print what is new", () => said.out.includes("live"))
    await server.end("SIGKILL")
    await server.start()
    await published(
      "tailed",
      Array.from({ length: 50 }, (_, n) => ({ key: `k${n}`, value: `${n}` }))
    )
    await waitUntil("the tail to go on", () => lines(said.out).length >= 52)
    child.kill("SIGINT")
    await ended
    const tailed = lines(said.out)
    assert.lengthOf(tailed, 52)
    assert.strictEqual(new Set(tailed.map(({ id }) => id)).size, 52)

    const read: Array<string> = []
    let from = "earliest"
    for (let pages = 0; pages < 30; pages++) {
      const { body } = await server.call("GET", `/v1/topics/tailed/events?from=${from}&limit=7`)
      read.push(...body.events.map(({ id }: { id: string }) => id))
      from = body.next
      if (body.live) break
    }
    assert.lengthOf(read, 52)
    assert.strictEqual(new Set(read).size, 52)
    const [{ id, value }] = (await eventsOf("tailed", "&partition=0")).events
    const [first] = (await eventsOf("tailed", `&from=${id}`)).events
    assert.deepStrictEqual([first.id, first.value], [id, value])
    assert.lengthOf((await eventsOf("tailed", "&from=latest")).events, 0)
    assert.lengthOf((await eventsOf("tailed", "&from=2020-01-01T00:00:00Z")).events, 52)
  })

  it("YT1, TS4, KX1 a key publishes to its topics alone; what is done to topics is in the audit log", async () => {
    const { token } = await json(
      "key",
      "create",
      "shop",
      "--role",
      "publisher",
      "--env",
      "production",
      "--topic",
      "mine/*"
    )
    const manager = new TopicManagerClient(server.grpc, credentials.createInsecure())
    await called((done) =>
      manager.createTopic(
        {
          ...{ name: "mine/a", partitions: 2, retentionPolicy: "", log: "", compressionType: "none", schema: "" },
          ...{ description: "", message: "for the shop", idempotencyKey: "once" }
        },
        metadata(),
        done
      )
    )
    manager.close()
    await json("topic", "create", "others")
    const as = async (...args: ReadonlyArray<string>) => {
      const { ended, said } = start(token, ...args, "--output", "json")
      return { code: await ended, ...said }
    }
    assert.strictEqual((await as("topic", "publish", "mine/a", "x")).code, 0)
    assert.deepStrictEqual(
      JSON.parse((await as("topic", "list")).out).map(({ name }: { name: string }) => name),
      ["mine/a"]
    )
    for (const args of [
      ["publish", "others", "x"],
      ["show", "others"],
      ["tail", "others", "--once"],
      ["delete", "mine/a", "--yes"],
      ["create", "mine/b"]
    ])
      assert.strictEqual((await as("topic", ...args)).code, 6, args.join(" "))

    assert.deepInclude(await json("topic", "update", "mine/a", "--disable", "--message", "moved"), { enabled: false })
    assert.strictEqual((await as("topic", "publish", "mine/a", "x")).code, 5)
    assert.strictEqual((await run("topic", "update", "mine/a", "--partitions", "1")).code, 2)
    assert.deepInclude(await json("topic", "delete", "mine/a", "--yes"), { deleted: true })
    assert.strictEqual((await as("topic", "publish", "mine/a", "x")).code, 4)
    const { entries } = (await server.call("GET", "/v1/audit?limit=20")).body
    const told = entries.filter(({ details }: { details: { topic?: string } }) => details.topic === "mine/a")
    assert.deepStrictEqual(
      told.map(({ action, details }: { action: string; details: { message?: string } }) => [action, details.message]),
      [
        ["topic.delete", undefined],
        ["topic.update", "moved"],
        ["topic.create", "for the shop"]
      ]
    )
    assert.strictEqual((await json("audit", "verify")).problem ?? null, null)
  })

  it("TV5 lines of a file are published once, though the command is run as the same producer", async () => {
    await json("topic", "create", "filed")
    const file = join(server.data, "events.ndjson")
    writeFileSync(file, Array.from({ length: 3_000 }, (_, n) => `{"key":"k${n}","value":{"n":${n}.0}}`).join("\n"))
    const done = await json("topic", "publish", "filed", "--lines", file, "--json", "--producer", "import")
    assert.strictEqual(done.events, 3_000)
    const { out } = await run("topic", "tail", "filed", "--from", "earliest", "--once")
    assert.deepStrictEqual(
      lines(out).map(({ value }) => value.n),
      Array.from({ length: 3_000 }, (_, n) => n)
    )
    assert.include(out, '"value":{"n":2999.0}')
  })
})
