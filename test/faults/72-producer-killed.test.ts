/** Fault 72: a producing program is killed while its batches are under way, and begins again where it knows that it was. Each event is there once, in order. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { newFolder } from "../support/folder.ts"
import { measured } from "../support/measured.ts"
import { type Server, startServer } from "../support/Server.ts"
import { createTopic, logOf, topicsAt } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const program = new URL("../support/TopicProducer.ts", import.meta.url).pathname

/** Kills it when so many were acked. The numbers that it said. */
const killed = async (topic: string, first: number, file: string, acked: number): Promise<ReadonlyArray<number>> => {
  const child = spawn(process.execPath, [program, server.grpc, server.token, topic, String(first), file], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let said = ""
  child.stdout.on("data", (chunk) => (said += String(chunk)))
  const ended = new Promise((resolve) => child.once("close", resolve))
  await waitUntil("acks", () => said.split("\n").length > acked)
  child.kill("SIGKILL")
  await ended
  return said.split("\n").slice(0, -1).map(Number)
}

const numbersOf = async (topic: string): Promise<ReadonlyArray<number>> => {
  await using topics = topicsAt(server.grpc, server.token)
  return (await logOf(topics.topic(topic))).map(({ value }) => Number(value))
}

describe("fault 72: a producer is killed", () => {
  it("QP1 TD1 pulsar#6273: who numbers its own rows sends from the last ack on, and each is there once", async () => {
    await createTopic(server, "rows")
    let last = 0
    for (let round = 0; round < 3; round++) last = Math.max(last, ...(await killed("rows", last + 1, "", 300)))
    const numbers = await numbersOf("rows")
    assert.isAtLeast(numbers.length, last)
    assert.deepStrictEqual(
      numbers,
      numbers.map((_, at) => at + 1)
    )
    measured(72, "killed three times, with numbers of its own", { "acked events": last, "twice or left out": 0 })
  })

  it("ZS1 QP1 with a file, what was not published is published first, and nothing is there twice", async () => {
    const folder = newFolder()
    try {
      await createTopic(server, "spool")
      const acked: Array<number> = []
      for (let round = 0; round < 3; round++)
        acked.push(...(await killed("spool", round * 1_000_000 + 1, join(folder.path, "spool"), 300)))
      const numbers = await numbersOf("spool")
      assert.deepStrictEqual(
        numbers,
        [...new Set(numbers)].toSorted((a, b) => a - b)
      )
      const there = new Set(numbers)
      assert.deepStrictEqual(
        acked.filter((n) => !there.has(n)),
        []
      )
      // None is left out between two that are there, of one life of the program.
      for (const n of numbers) assert.isTrue(n % 1_000_000 === 1 || there.has(n - 1), String(n))
      measured(72, "killed three times, with a file", { "acked events": acked.length, "twice or lost": 0 })
    } finally {
      folder.remove()
    }
  })
})
