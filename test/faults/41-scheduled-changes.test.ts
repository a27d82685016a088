/** Fault 41: the node that makes scheduled changes is killed, or frozen, at the moment when they are due. Each is made once, by whoever is there. */
import { assert, describe, it } from "@effect/vitest"
import { connect, type Session } from "../support/Database.ts"
import { Nodes } from "../support/Nodes.ts"
import { waitUntil } from "../support/waitUntil.ts"

const FLAGS = 20

/** Changes of as many flags, all due at one moment; returns their ids. */
const schedule = async (nodes: Nodes, prefix: string, at: string): Promise<ReadonlyArray<string>> => {
  const ids: Array<string> = []
  for (let n = 0; n < FLAGS; n++) {
    const flags = [{ flag: `${prefix}${n}`, environment: "production", value: { enabled: true, percentage: n } }]
    const { status, body } = await nodes.servers[n % 2]!.call("POST", "/v1/schedules", { at, flags })
    assert.strictEqual(status, 200, JSON.stringify(body))
    ids.push(body.id)
  }
  return ids
}

/** Holds the writers' lock from before the changes are due until the holder of the lease waits for it; returns the holder. */
const caught = async (nodes: Nodes, session: Session) => {
  const runs = new Map((await session.query("select run, node from nodes")).map(({ run, node }) => [run, node]))
  await waitUntil("a commit to wait for the lock", async () => {
    const [row] = await session.query(
      "select count(*)::int as waiting from pg_locks where locktype = 'advisory' and objid = 7234733 and not granted"
    )
    return Number(row!["waiting"]) > 0
  })
  const [lease] = await session.query("select run from leases where name = 'schedules'")
  const node = runs.get(lease!["run"])
  const server = nodes.servers.find((_, index) => `n${index + 1}` === node)
  assert.isDefined(server, `the lease is ${String(lease!["run"])}'s`)
  return { holder: server!, other: nodes.servers.find((one) => one !== server)! }
}

const settled = async (server: Nodes["servers"][number], ids: ReadonlyArray<string>) => {
  await waitUntil("each to be over", async () => {
    const { body } = await server.call("GET", "/v1/schedules?environment=production&state=pending&limit=1000")
    return body.schedules?.length === 0
  })
  const { body } = await server.call("GET", "/v1/schedules?environment=production&limit=1000")
  return (body.schedules as ReadonlyArray<Record<string, unknown>>).filter(({ id }) => ids.includes(String(id)))
}

const versionsOf = async (server: Nodes["servers"][number], prefix: string) => {
  const counts: Array<number> = []
  for (let n = 0; n < FLAGS; n++) {
    const { body } = await server.call("GET", `/v1/flags/${prefix}${n}/history?environment=production`)
    counts.push(body.versions.length)
  }
  return counts
}

describe("fault 41: the node that makes scheduled changes goes away when they are due", () => {
  it("DU1 killed, or frozen and thawed, at that moment: each is made once, and nothing of it twice", async () => {
    await using nodes = await Nodes.start({ count: 2 })
    await using session = await connect(nodes.database.url)
    const once = Array.from({ length: FLAGS }, () => 1)

    const frozen = await schedule(nodes, "frozen", "+4s")
    await session.query("begin")
    await session.query("select herald_lock()")
    const first = await caught(nodes, session)
    process.kill(first.holder.pid, "SIGSTOP")
    await session.query("commit")
    const made = await settled(first.other, frozen)
    assert.deepStrictEqual(new Set(made.map(({ state }) => state)), new Set(["committed"]))
    process.kill(first.holder.pid, "SIGCONT")
    await waitUntil("the thawed node to serve", async () => {
      const { status } = await first.holder.call("GET", "/v1/flags/frozen0?environment=production")
      return status === 200
    })
    // What it had begun when it was frozen is answered by now: it publishes again, in the same queue.
    await first.holder.published("after", "thaw")
    assert.deepStrictEqual(await versionsOf(first.holder, "frozen"), once)

    const killed = await schedule(nodes, "killed", "+4s")
    await session.query("begin")
    await session.query("select herald_lock()")
    const second = await caught(nodes, session)
    await second.holder.end("SIGKILL")
    await session.query("commit")
    const after = await settled(second.other, killed)
    assert.strictEqual(after.length, FLAGS)
    assert.deepStrictEqual(new Set(after.map(({ state }) => state)), new Set(["committed"]))
    assert.deepStrictEqual(await versionsOf(second.other, "killed"), once)
  })

  it("DU2 what was due while all were away is made when they are back, the oldest first, and missed once its grace is over", async () => {
    await using nodes = await Nodes.start({ count: 1 })
    const [server] = nodes.servers as [Nodes["servers"][number]]
    await using session = await connect(nodes.database.url)
    const body = (percentage: number, at: string) => ({
      at,
      flags: [{ flag: "shop", environment: "production", value: { enabled: true, percentage } }]
    })
    for (const [percentage, at] of [
      [1, "+30m"],
      [2, "+90m"],
      [3, "+2h"]
    ] as const) {
      assert.strictEqual((await server.call("POST", "/v1/schedules", body(percentage, at))).status, 200)
    }
    await server.end("SIGKILL")
    // Their hours have passed meanwhile.
    await session.query("update schedules set due_at = due_at - interval '2 hours 1 second'")
    await server.start()
    await waitUntil("both to be over", async () => {
      const { body } = await server.call("GET", "/v1/schedules?environment=production&state=pending")
      return body.schedules.length === 0
    })
    const { body: all } = await server.call("GET", "/v1/schedules?environment=production")
    assert.deepStrictEqual(
      all.schedules.map(({ state }: { readonly state: string }) => state),
      ["missed", "committed", "committed"]
    )
    const { body: flag } = await server.call("GET", "/v1/flags/shop?environment=production")
    assert.deepStrictEqual([flag.version, flag.definition.percentage], [2, 3])
    const audit = await server.call("GET", "/v1/audit/verify")
    assert.isNull(audit.body.problem ?? null)
  })
})
