/** Three real nodes on one PostgreSQL, with a short retention: one of them sweeps, whatever happens to it. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { connect } from "../support/Database.ts"
import { Nodes } from "../support/Nodes.ts"
import { waitUntil } from "../support/waitUntil.ts"

let nodes: Nodes
beforeAll(async () => {
  nodes = await Nodes.start({ count: 3, env: { RETENTION_TIME: "2s", RETENTION_AT_LEAST: "1" } })
})
afterAll(() => nodes?.[Symbol.asyncDispose]())

const query = async (statement: string) => {
  await using session = await connect(nodes.database.url)
  return await session.query(statement)
}
/** What holds the lease, as `nodes` knows it. */
const sweeper = () =>
  waitUntil("a node to sweep", async () => {
    const [row] = await query(
      "select n.node, l.run from leases l join nodes n using (run) where l.name = 'retention' and l.until > clock_timestamp()"
    )
    return row as { node: string; run: string } | undefined
  })
const swept = (what: string) =>
  waitUntil(what, async () => {
    const [row] = await query("select herald_head() - horizon = 1 as all from herald_log")
    return row!["all"] === true
  })
const publish = async (node: number) => {
  for (let i = 0; i < 5; i++) assert.strictEqual((await nodes.servers[node]!.publish("swept", `v${i}`)).status, 200)
}

describe("retention", () => {
  it("RT1 LE1 one node sweeps; one that froze is followed, and leaves it be when it thaws", async () => {
    await publish(0)
    await swept("what was published to be swept")
    const first = await sweeper()
    const at = Number(first.node.slice(1)) - 1
    const other = (at + 1) % 3
    process.kill(nodes.servers[at]!.pid, "SIGSTOP")
    try {
      await publish(other)
      await swept("another node to sweep")
      const second = await sweeper()
      assert.notStrictEqual(second.run, first.run)

      process.kill(nodes.servers[at]!.pid, "SIGCONT")
      await publish(other)
      await swept("that one to go on")
      assert.strictEqual((await sweeper()).run, second.run)
    } finally {
      process.kill(nodes.servers[at]!.pid, "SIGCONT")
    }
  })

  it("RT1 a node that leaves gives the sweep to another at once", async () => {
    const first = await sweeper()
    const at = Number(first.node.slice(1)) - 1
    await nodes.servers[at]!.end("SIGTERM")
    await publish((at + 1) % 3)
    await swept("another node to sweep")
    assert.notStrictEqual((await sweeper()).run, first.run)
  })
})
