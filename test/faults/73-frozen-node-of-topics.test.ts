/** Fault 73: one of two nodes is frozen under producers, and thawed past its deadlines. What it then still does changes nothing that others did meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { createTopic, logOf, TopicPrograms, topicsAt } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** Milliseconds; longer than the deadline of an append and what is granted beyond it. */
const FROZEN = 5_000

describe("fault 73: a frozen node of topics", () => {
  it("TL2 TL4 TS2 QP2 a thawed node is refused what is late or fenced, and nothing acked is lost", async () => {
    await using nodes = await Nodes.start({ count: 2 })
    const [frozen, other] = nodes.servers as [(typeof nodes.servers)[0], (typeof nodes.servers)[0]]
    await createTopic(other, "load", { partitions: 2 })
    await createTopic(other, "fenced")
    await using programs = new TopicPrograms("load", nodes.addresses, nodes.token)
    for (let n = 0; n < 4; n++) programs.produce(`p${n}`, { partitions: 2, batch: 10, pause: 5 })
    programs.follow("r0")
    programs.follow("r1")
    programs.post(frozen, "frozen", 3_000)
    programs.post(other, "other")
    await using old = topicsAt(frozen.grpc, nodes.token)
    const older = await old.topic("fenced").producer({ id: "p" })
    await older.send([{ payload: "before" }])
    await waitUntil("events", () => programs.sent.ok > 1_000)

    frozen.process!.kill("SIGSTOP")
    const from = performance.now()
    const late = older.send([{ payload: "late" }]).then(
      () => assert.fail("a fenced producer published"),
      (error) => error
    )
    await using young = topicsAt(other.grpc, nodes.token)
    const newer = await young.topic("fenced").producer({ id: "p" })
    await newer.send([{ payload: "meanwhile" }])
    const before = programs.sent.ok
    await waitUntil("it to be frozen long enough, and the other to go on", () => {
      return performance.now() - from > FROZEN && programs.sent.ok > before
    })
    frozen.process!.kill("SIGCONT")
    const thawed = performance.now()
    assert.deepInclude(await late, { code: "HRLD-2074" })
    const answered = performance.now() - thawed
    await newer.send([{ payload: "after" }])
    const at = programs.sent.ok
    await waitUntil("events after the thaw", () => programs.sent.ok > at + 1_000)
    await programs.stop()
    const { found } = await programs.judge()

    assert.deepStrictEqual(
      (await logOf(young.topic("fenced"))).map(({ value }) => value),
      ["before", "meanwhile", "after"]
    )
    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    assert.strictEqual(programs.opened, 4)
    measured(73, "one of two nodes frozen past its deadlines", {
      "acked events": programs.sent.ok,
      "lost, twice or there though failed": found.length,
      "fenced producer told after the thaw": seconds(answered)
    })
  })
})
