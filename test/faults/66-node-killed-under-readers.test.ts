/** Fault 66: each of two nodes is killed under readers and producers at full rate. Readers go on at the other one, from stored to new, without a seam. */
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import type { Server } from "../support/Server.ts"
import { type Follower, Followers } from "../support/TopicFollowers.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** Events that are stored before there are readers. */
const HISTORY = 10_000

describe("fault 66: a node is killed under readers", () => {
  it("ZR1 ZR2 BX8 TL3 each reader goes on at the other node: what is stored, then what is new, all once, in order, and no gap", async () => {
    // As little memory for what is new as there may be: who comes, or was held up, begins with what is stored.
    await using nodes = await Nodes.start({ count: 2, env: { TOPICS_RING_BYTES: "65536" } })
    const [a, b] = nodes.servers as [Server, Server]
    await createTopic(a, "load", { partitions: 3 })
    await using programs = new TopicPrograms("load", nodes.addresses, nodes.token)
    await using followers = new Followers("load", nodes.token)
    for (let n = 0; n < 4; n++) programs.produce(`p${n}`, { partitions: 3 })
    programs.post(a, "plain0")
    programs.post(b, "plain1")
    await waitUntil("a history", () => programs.sent.ok > HISTORY)

    const at = (first: Server, name: string) => followers.follow(name, [first.grpc, (first === a ? b : a).grpc])
    const live = (those: ReadonlyArray<Follower>) => {
      const before = those.map(({ lives }) => lives)
      return waitUntil("them to be live", () => those.every(({ lives }, n) => lives > before[n]!))
    }
    const more = (those: ReadonlyArray<Follower>) => {
      const before = those.map(({ events }) => events)
      return waitUntil("them to get what is new", () => those.every(({ events }, n) => events > before[n]! + 1_000))
    }
    const ofA = [at(a, "a0"), at(a, "a1"), at(a, "a2")]
    const ofB = [at(b, "b0"), at(b, "b1"), at(b, "b2")]
    const all = [...ofA, ...ofB]
    await live(all)
    for (const { events } of all) assert.isAtLeast(events, HISTORY)

    // Two close and resume in the middle of it.
    const resumed = [ofA[2]!, ofB[2]!]
    const again = live(resumed)
    for (const one of resumed) one.again()
    await again
    await more(all)

    const away: Array<number> = []
    /** `its`: readers that are at the node. Those of the other one are not disturbed. */
    const kill = async (node: Server, its: ReadonlyArray<Follower>, others: ReadonlyArray<Follower>) => {
      const before = others.map(({ reconnects }) => [...reconnects])
      const acked = programs.sent.ok
      const back = live(its)
      const from = performance.now()
      await node.end("SIGKILL")
      // One that comes while it is away begins at it, and finds the other.
      const late = at(node, `late ${its[0]!.name}`)
      await Promise.all([back, live([late])])
      away.push(performance.now() - from)
      await more([...its, ...others, late])
      assert.isAbove(programs.sent.ok, acked)
      assert.deepStrictEqual(
        others.map(({ reconnects }) => reconnects),
        before
      )
      return late
    }
    const late = await kill(b, ofB, ofA)
    await b.start()
    // Now all of them are at one node, and go to the other.
    await kill(a, [...all, late], [])

    await programs.stop()
    const { log, found } = await programs.judge()
    await followers.judge(log)
    assert.deepStrictEqual(followers.wrong, [])
    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    assert.strictEqual(programs.opened, 4)
    measured(66, "each of two nodes killed under eight readers and six producers", {
      "acked events": programs.sent.ok,
      "events to each reader": log.length,
      "lost, twice, out of order, or told as a gap": followers.wrong.length + found.length,
      "all live again, slowest": seconds(Math.max(...away))
    })
  })
})
