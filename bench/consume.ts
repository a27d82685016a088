/**
 * A shared subscription with acks: 8 consumers of the SDK, each with a connection of its own, take what is stored from a real server, and answer for each
 * event. It is over when the server has kept that all is done. Each event has to be done once.
 */

import { readFileSync } from "node:fs"
import { cpuUsage } from "node:process"
import { Topics } from "../src/client/HeraldClient.ts"
import { short } from "./support/Numbers.ts"
import { until } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const CONSUMERS = 8
const PARTITIONS = 8
const BATCH = 500
/** `USER_HZ` of Linux. */
const TICKS = 100

/** Seconds of processor time that a process took so far. */
const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const count = brief ? 40_000 : 200_000
  const wrong: Array<string> = []
  const profile = process.env["PROFILE"]
  await using server = await new Server().start(
    profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`]
  )
  const topicsOf = () => new Topics({ address: server.grpc, token: server.token })
  await using publisher = topicsOf()
  let made = 0

  const fill = async (): Promise<string> => {
    const topic = `jobs-${++made}`
    const post = async (path: string, body: unknown) => {
      const headers = { authorization: `Bearer ${server.token}`, "content-type": "application/json" }
      const answer = await fetch(`${server.http}${path}`, { method: "POST", headers, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
    }
    await post("/v1/topics", { name: topic, partitions: PARTITIONS })
    await post("/v1/subscriptions", { topic, name: "s", type: "shared", from: "earliest", maxInFlight: 10_000 })
    const producer = await publisher.topic(topic).producer({ id: "filler" })
    for (let at = 0; at < count; at += BATCH) {
      await producer.room()
      const job = (n: number) => ({ key: `k${(at + n) % 5_000}`, json: { n: at + n, text: "x".repeat(90) } })
      producer.send(Array.from({ length: BATCH }, (_, n) => job(n))).catch((error) => wrong.push(String(error)))
    }
    await producer.flush()
    await producer.close()
    return topic
  }

  const consume = async (topic: string) => {
    const seen = new Uint8Array(count)
    let [done, twice] = [0, 0]
    const all = Array.from({ length: CONSUMERS }, topicsOf)
    const [own, its] = [cpuUsage(), cpuOf(server.pid)]
    const start = performance.now()
    const working = all.map((topics) =>
      topics.topic(topic).consume(
        "s",
        (event) => {
          const { n } = event.json() as { readonly n: number }
          if (seen[n] === 1) twice++
          seen[n] = 1
          done++
        },
        { concurrency: 64, prefetch: 2_000 }
      )
    )
    await until("all events to be done", () => (done >= count ? true : undefined), 300_000)
    await Promise.all(working.map((one) => one.close()))
    const seconds = (performance.now() - start) / 1_000
    const { user, system } = cpuUsage(own)
    const server_ = cpuOf(server.pid) - its
    await Promise.all(all.map((topics) => topics.close()))
    const missing = seen.reduce((sum, one) => sum + (one === 1 ? 0 : 1), 0)
    if (missing > 0 || twice > 0)
      wrong.push(
        `${missing} events were not done, ${twice} were done twice; the server said: ${server.output.slice(-2_000)}`
      )
    return { rate: count / seconds, client: (user + system) / count, server: (server_ * 1e6) / count }
  }

  const found = await repeat(runs, async () => consume(await fill()))
  return {
    rows: [
      {
        what: `shared subscription with acks, ${CONSUMERS} consumers`,
        reach: "≥ 50,000",
        unit: "/s",
        values: found.map(({ rate }) => rate)
      }
    ],
    notes: [
      `µs an event of the server ${found.map((one) => short(one.server)).join(", ")}, of the consumers' one process ${found.map((one) => short(one.client)).join(", ")}; of one processor each`
    ],
    wrong
  }
}

await main("consume", measure)
