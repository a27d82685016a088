/** Fault 67: one of two nodes with readers is frozen under producers at full rate. Readers of the other are not held up, its own catch up without a gap. */
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import type { Server } from "../support/Server.ts"
import { Followers } from "../support/TopicFollowers.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const RING = 65_536
/** Events that come while it is frozen: many times what it keeps in memory. */
const MEANWHILE = 10_000

describe("fault 67: a frozen node of readers", () => {
  it("ZR1 ZR2 BX8 readers at the other node get all meanwhile, and its own catch up when it is thawed, with no gap", async () => {
    await using nodes = await Nodes.start({ count: 2, env: { TOPICS_RING_BYTES: `${RING}` } })
    const [a, b] = nodes.servers as [Server, Server]
    await createTopic(a, "load", { partitions: 2 })
    await using programs = new TopicPrograms("load", a.grpc, nodes.token)
    await using followers = new Followers("load", nodes.token)
    for (let n = 0; n < 4; n++) programs.produce(`p${n}`, { partitions: 2 })
    // They have nowhere else to go.
    const ofA = ["a0", "a1", "a2"].map((name) => followers.follow(name, [a.grpc]))
    const ofB = ["b0", "b1", "b2"].map((name) => followers.follow(name, [b.grpc]))
    await waitUntil("all to be live", () => [...ofA, ...ofB].every(({ lives, events }) => lives > 0 && events > 1_000))

    for (let round = 0; round < 2; round++) {
      b.process!.kill("SIGSTOP")
      const before = ofA.map(({ events }) => events)
      // While it is frozen: nobody waits for it.
      await waitUntil("the others to get what comes meanwhile", () =>
        ofA.every(({ events }, n) => events > before[n]! + MEANWHILE)
      )
      const [sent] = ofA.map(({ events }) => events)
      for (const { events } of ofB) assert.isBelow(events, sent!)
      b.process!.kill("SIGCONT")
      await waitUntil("its own to have that too", () => ofB.every(({ events }) => events > sent!))
    }
    const from = performance.now()
    await programs.stop()
    const { log, found } = await programs.judge()
    await followers.judge(log)
    const took = performance.now() - from

    assert.deepStrictEqual(followers.wrong, [])
    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    for (const { reconnects } of ofA) assert.deepStrictEqual(reconnects, [])
    measured(67, "one of two nodes with readers frozen twice", {
      "events to each reader": log.length,
      "events to the other node's readers while it was frozen, at least": 2 * MEANWHILE,
      "lost, twice, out of order, or told as a gap": followers.wrong.length + found.length,
      "all had everything after the end": seconds(took)
    })
  })
})
