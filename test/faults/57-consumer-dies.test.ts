/** Fault 57: consumers die of an event, or their connection is cut. What kills is found and put aside; what was never begun is not. */
import { type ChildProcess, spawn } from "node:child_process"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { backlogOf, lettersOf, numbered, numberOf, subscribed, topicsOf } from "../support/Consumers.ts"
import { measured } from "../support/measured.ts"
import { type Server, startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

describe("fault 57: consumers die", () => {
  it("DP4 AZ1 pulsar#5881: an event that kills its consumers is a dead letter in the end, and all others are done", async () => {
    await server.call("POST", "/v1/topics", { name: "dead" })
    await subscribed(server, "poisoned", 1, { type: "shared", deadLetterTopic: "dead", maxAttempts: 3 })
    await using topics = topicsOf(server.grpc, server.token)
    await topics.topic("poisoned").publish(numbered(60))
    const program = new URL("../support/PoisonedConsumer.ts", import.meta.url).pathname
    const done = new Set<string>()
    let child: ChildProcess | undefined
    let [deaths, over] = [0, false]
    const start = () => {
      child = spawn(process.execPath, [program, server.grpc, server.token, "poisoned", "17"], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      child.stdout!.on("data", (chunk) => {
        for (const line of String(chunk).split("\n")) if (line !== "") done.add(line)
      })
      child.once("exit", () => {
        if (over) return
        deaths++
        start()
      })
    }
    start()
    const letters = await waitUntil(
      "a dead letter",
      async () => {
        const all = await lettersOf(server, "poisoned")
        return all.length > 0 && all
      },
      180_000
    )
    await waitUntil("all others are done", () => done.size === 59, 120_000)
    over = true
    child?.kill("SIGKILL")
    await waitUntil("it is kept", async () => (await backlogOf(server, "poisoned")) === 0)
    assert.strictEqual(letters.length, 1)
    assert.deepInclude(letters[0], { offset: 17, reason: "attempts", attempts: 3 })
    assert.isAtMost((await lettersOf(server, "poisoned")).length, 1)
    measured(57, "an event that kills its consumers, at most 3 attempts", {
      deaths,
      "dead letters": 1,
      "others done": 59
    })
  })

  it("AZ1 pulsar#3077: 20 cuts with a full window use up no attempt of what was not begun, and nothing runs twice", async () => {
    await using proxy = new TcpProxy(Number(server.grpc.split(":")[1]))
    await subscribed(server, "cut", 1, { type: "shared", maxAttempts: 2 })
    await using topics = topicsOf(`127.0.0.1:${await proxy.listen()}`, server.token)
    await using direct = topicsOf(server.grpc, server.token)
    await direct.topic("cut").publish(numbered(200))
    const begun: Array<number> = []
    const attempts = new Set<number>()
    let [reconnects, joined] = [0, 0]
    let go = () => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    topics.topic("cut").consume(
      "s",
      async (event) => {
        begun.push(numberOf(event))
        attempts.add(event.attempt)
        await gate
      },
      { concurrency: 2, prefetch: 100, onReconnect: () => reconnects++, onState: () => joined++ }
    )
    await waitUntil("two are begun", () => begun.length === 2 && joined === 1)
    for (let cut = 1; cut <= 20; cut++) {
      const before = joined
      proxy.cut()
      await waitUntil("it noticed", () => reconnects >= cut)
      await waitUntil("it is back", () => joined > before)
    }
    go()
    await waitUntil("all are done", () => begun.length >= 200)
    await waitUntil("it is kept", async () => (await backlogOf(server, "cut")) === 0)
    assert.deepStrictEqual(
      [...begun].sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, n) => n)
    )
    assert.deepStrictEqual([...attempts], [1])
    assert.strictEqual((await lettersOf(server, "cut")).length, 0)
    measured(57, "connection cut 20 times with 100 events in the window", { "attempts used up": 0, "run twice": 0 })
  })
})
