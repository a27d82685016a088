/** Server-sent events of topics, over a real socket. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { EventSource } from "eventsource"
import { openHttp, type Said } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
beforeAll(async () => {
  door = await openHttp()
})
afterAll(() => door.close())

let topics = 0
const topic = async (partitions = 1) => {
  const name = `s/${topics++}`
  assert.strictEqual((await door.call("POST", "/v1/topics", { name, partitions })).status, 201)
  return name
}
const publish = async (name: string, value: unknown, partition = 0) => {
  const path = `/v1/topics/${encodeURIComponent(name)}/events?partition=${partition}`
  assert.strictEqual((await door.call("POST", path, { events: [{ value }] })).status, 200)
}

/** Follows a topic; what came, each with its name and id. */
const follow = async (name: string, query = "", headers: Record<string, string> = {}) => {
  const leaving = new AbortController()
  const answer = await fetch(`http://127.0.0.1:${door.port}/v1/topics/${encodeURIComponent(name)}/stream?${query}`, {
    headers: { authorization: `Bearer ${door.token}`, ...headers },
    signal: leaving.signal
  })
  const told: Array<{ readonly event: string; readonly id: string; readonly data: Said }> = []
  const read = async () => {
    let text = ""
    const decoder = new TextDecoder()
    for await (const piece of answer.body!) {
      text += decoder.decode(piece, { stream: true })
      const blocks = text.split("\n\n")
      text = blocks.pop()!
      for (const block of blocks) {
        const fields = new Map(
          block.split("\n").map((line) => [line.split(": ", 1)[0]!, line.slice(line.indexOf(": ") + 2)])
        )
        if (fields.has("data"))
          told.push({ event: fields.get("event")!, id: fields.get("id") ?? "", data: JSON.parse(fields.get("data")!) })
      }
    }
  }
  const reading = answer.status === 200 ? read().catch(() => {}) : Promise.resolve()
  const values = () =>
    told.filter(({ event }) => event === "events").flatMap(({ data }) => data.events.map(({ value }: Said) => value))
  return {
    answer,
    told,
    values,
    until: (event: string) => waitUntil(`the event ${event}`, () => told.find((one) => one.event === event)),
    has: (count: number) => waitUntil(`${count} events`, () => values().length >= count),
    leave: async () => {
      leaving.abort()
      await reading
    }
  }
}

describe("POST /v1/topics/{topic}/events", () => {
  it("B4 a batch has as many events as one may have, each with all that an event has; what is bounded besides is their headers", async () => {
    const name = await topic()
    const path = `/v1/topics/${encodeURIComponent(name)}/events`
    const batch = (count: number, headers: number) => ({
      events: Array.from({ length: count }, (_, n) => ({
        ...{ key: `k${n}`, value: n, occurredAt: 1_700_000_000_000 },
        headers: Object.fromEntries(Array.from({ length: headers }, (_, h) => [`h${h}`, ""]))
      }))
    })
    /** Where other work has the threads it is told so, and asks again. */
    const posted = async (body: Said, tries = 10): Promise<Awaited<ReturnType<typeof door.call>>> => {
      const answer = await door.call("POST", path, body)
      return [503, 504].includes(answer.status) && tries > 0 ? await posted(body, tries - 1) : answer
    }
    const { status, body } = await posted(batch(10_000, 4))
    assert.strictEqual(status, 200, JSON.stringify(body).slice(0, 300))
    assert.deepInclude(body.placed[0], { count: 10_000, duplicate: false })
    const larger = await posted(batch(10_001, 1))
    assert.deepStrictEqual([larger.status, /at most 10000 are allowed/.test(larger.body.detail)], [400, true])
    const many = await posted(batch(10_000, 6))
    assert.deepStrictEqual([many.status, /more than 100000 parts/.test(many.body.detail)], [400, true])
    assert.strictEqual((await posted(batch(700, 64))).status, 200)
  }, 60_000)
})

describe("GET /v1/topics/{topic}/stream", () => {
  it("YV1 goes on exactly behind the last event, over all partitions", async () => {
    const name = await topic(3)
    for (let n = 0; n < 6; n++) await publish(name, { n }, n % 3)
    const first = await follow(name, "from=earliest")
    assert.strictEqual(first.answer.headers.get("content-type"), "text/event-stream")
    await first.has(6)
    const { id } = await first.until("live")
    await first.leave()
    for (let n = 6; n < 9; n++) await publish(name, { n }, n % 3)
    const second = await follow(name, "", { "last-event-id": id })
    await second.has(3)
    const third = await follow(name, `lastEventId=${second.told.filter(({ event }) => event === "events")[0]!.id}`)
    await third.has(2)
    const all = [...first.values(), ...second.values()].map(({ n }) => n).sort((a, b) => a - b)
    assert.deepStrictEqual(all, [0, 1, 2, 3, 4, 5, 6, 7, 8])
    const seen = new Set([second.values()[0].n, ...third.values().map(({ n }: Said) => n)])
    assert.strictEqual(seen.size, 3)
    await Promise.all([second.leave(), third.leave()])
  })

  it("YV1 an EventSource whose connection is cut again and again has each event once", async () => {
    const name = await topic(3)
    const open = new Set<Socket>()
    const between = createServer((client) => {
      const server = connect(door.port, "127.0.0.1")
      for (const [one, other] of [
        [client, server],
        [server, client]
      ] as const) {
        open.add(one)
        one.on("error", () => {}).on("close", () => other.destroy())
        one.pipe(other)
      }
    })
    await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve))
    const { port } = between.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/v1/topics/${encodeURIComponent(name)}/stream?from=earliest&filter=n%20%3E%3D%202`
    const source = new EventSource(url, {
      fetch: (at, init) => fetch(at, { ...init, headers: { ...init.headers, authorization: `Bearer ${door.token}` } })
    })
    const [seen, gaps]: [Array<number>, Array<string>] = [[], []]
    let begun = 0
    source.addEventListener("started", () => begun++)
    source.addEventListener("gap", ({ data }) => gaps.push(data))
    source.addEventListener("events", ({ data }) => {
      for (const { value } of JSON.parse(data).events) seen.push(value.n)
    })
    for (let round = 1; round <= 3; round++) {
      await waitUntil("it to be open", () => begun >= round)
      for (let n = 0; n < 6; n++) await publish(name, { n: round === 1 ? n : 6 * round + n }, n % 3)
      if (round === 2) await waitUntil("some of it", () => seen.includes(12))
      for (const one of open) one.destroy()
    }
    await waitUntil("the rest", () => seen.length >= 16)
    source.close()
    between.close()
    for (const one of open) one.destroy()
    const all = [2, 3, 4, 5, ...Array.from({ length: 12 }, (_, n) => 12 + n)]
    assert.deepStrictEqual([seen.toSorted((a, b) => a - b), gaps], [all, []])
  })

  it("YV1 with a filter and fields, and payloads as text", async () => {
    const name = await topic()
    const reader = await follow(name, "filter=price%20%3E%20100.0&field=price&as=text")
    await reader.until("live")
    await publish(name, { price: 1.5, x: 1 })
    await publish(name, { price: 101.5, x: 1 })
    await reader.has(1)
    assert.deepStrictEqual(reader.values(), ['{"price":101.5}'])
    await reader.leave()
  })

  it("YV2 keeps the position of who does not read, and sends what it missed", async () => {
    const name = await topic()
    const slow = async () =>
      /^herald_topic_readers_slow (\d+)/m.exec(
        await (
          await fetch(`http://127.0.0.1:${door.port}/metrics`, { headers: { authorization: `Bearer ${door.token}` } })
        ).text()
      )?.[1] ?? "0"
    const leaving = new AbortController()
    const answer = await fetch(
      `http://127.0.0.1:${door.port}/v1/topics/${encodeURIComponent(name)}/stream?from=earliest`,
      {
        headers: { authorization: `Bearer ${door.token}` },
        signal: leaving.signal
      }
    )
    let sent = 0
    const text = "x".repeat(200_000)
    while ((await slow()) === "0" && sent < 200) await publish(name, { n: sent++, text })
    assert.isBelow(sent, 200)
    for (let n = 0; n < 5; n++) await publish(name, { n: sent++, text })
    let got = ""
    for await (const piece of answer.body!) {
      got += Buffer.from(piece).toString()
      if (got.includes(`{"n":${sent - 1},`)) break
    }
    leaving.abort()
    assert.deepStrictEqual(
      [...got.matchAll(/\{"n":(\d+),/g)].map(([, n]) => Number(n)),
      Array.from({ length: sent }, (_, n) => n)
    )
  })

  it("YV3 ends with an event that says why", async () => {
    const name = await topic()
    const reader = await follow(name)
    await reader.until("live")
    assert.strictEqual((await door.call("DELETE", `/v1/topics/${encodeURIComponent(name)}`)).status, 204)
    const { data } = await reader.until("end")
    assert.match(data.code, /^HRLD-/)
    await reader.leave()
  })

  it("YV3 is refused with a problem", async () => {
    const name = await topic()
    assert.strictEqual((await follow("no/such")).answer.status, 404)
    assert.strictEqual((await follow(name, "filter=price%20%3E")).answer.status, 422)
    assert.strictEqual((await follow(name, "", { "last-event-id": "nonsense" })).answer.status, 400)
    assert.strictEqual((await follow(name, "filtre=x")).answer.status, 400)
    assert.strictEqual((await follow(name, "", { authorization: "" })).answer.status, 401)
  })
})

describe("pages of events", () => {
  it("TK6 a filter leaves out what it does not let through, and what it can't be is told", async () => {
    const name = await topic()
    for (const price of [1.5, 150.5, 2.5]) await publish(name, { price })
    const page = (filter: string) =>
      door.call("GET", `/v1/topics/${encodeURIComponent(name)}/events?filter=${encodeURIComponent(filter)}`)
    const { body } = await page("price > 100.0")
    assert.deepStrictEqual(
      body.events.map(({ value, offset }: Said) => [value, offset]),
      [[{ price: 150.5 }, 1]]
    )
    const none = await page("price > 1000.0")
    assert.deepStrictEqual([none.status, none.body.events], [200, []])
    const wrong = await page("price >")
    assert.deepStrictEqual([wrong.status, wrong.body.code], [422, "HRLD-1075"])
  })
})
