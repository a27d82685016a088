/**
 * Fault 47: the node whose turn it is dies, freezes, or loses the database. Its work is soon done elsewhere, and by no two for longer than
 * one step of whoever was frozen. Faults 3 and 4 of the matrix, for work that one node does for all.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { connect, type Database, startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import type { Line } from "../support/PlacedNode.ts"
import { startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const PIECES = 40
/** Milliseconds, for all of it to be done elsewhere. */
const SOON = 5_000
/** Milliseconds, for all of it to be done again once the database is back. */
const BACK = 2_000
const program = fileURLToPath(new URL("../support/PlacedNode.ts", import.meta.url))

class Node implements AsyncDisposable {
  readonly lines: Array<Line> = []
  readonly child: ChildProcess
  readonly #ended: Promise<unknown>
  #rest = ""

  constructor(url: string, name: string) {
    this.child = spawn(process.execPath, [program, url, name, String(PIECES)], { stdio: ["ignore", "pipe", "inherit"] })
    this.#ended = new Promise((resolve) => this.child.once("exit", resolve))
    this.child.stdout!.on("data", (chunk) => {
      const lines = (this.#rest + String(chunk)).split("\n")
      this.#rest = lines.pop()!
      for (const line of lines) if (line.startsWith('{"what"')) this.lines.push(JSON.parse(line) as Line)
    })
  }

  /** What it does, by its own word. */
  get doing(): ReadonlySet<string> {
    const doing = new Set<string>()
    for (const { what, name } of this.lines) {
      if (what === "begins") doing.add(name)
      if (what === "ends") doing.delete(name)
    }
    return doing
  }

  /** Names of which it took a step since. */
  stepped(since: number): ReadonlySet<string> {
    return new Set(this.lines.filter(({ what, at }) => what === "step" && at > since).map(({ name }) => name))
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGCONT")
    this.kill("SIGKILL")
    await this.#ended
  }
}

/** Steps that one took of work while another had begun it and not ended, of which one is told at most. */
const overlaps = (nodes: ReadonlyArray<Node>) => {
  const all = nodes.flatMap(({ lines }) => lines).sort((a, b) => a.at - b.at)
  const doing = new Map<string, string>()
  const late: Array<Line> = []
  for (const line of all) {
    if (line.what === "begins") doing.set(line.name, line.run)
    if (line.what === "ends" && doing.get(line.name) === line.run) doing.delete(line.name)
    if (line.what === "step" && doing.has(line.name) && doing.get(line.name) !== line.run) late.push(line)
  }
  return late
}

const joined = async (url: string, ...names: ReadonlyArray<string>) => {
  const nodes = names.map((name) => new Node(url, name))
  await waitUntil("each to do its share", () => {
    const shares = nodes.map(({ doing }) => doing.size)
    return shares.every((share) => share > 0) && shares.reduce((sum, share) => sum + share, 0) === PIECES
  })
  return nodes
}

/** Until every piece has been stepped since by those nodes; returns the milliseconds from then. */
const allDone = async (what: string, nodes: ReadonlyArray<Node>, since: number) => {
  await waitUntil(what, () => new Set(nodes.flatMap((node) => [...node.stepped(since)])).size === PIECES)
  const first = new Map<string, number>()
  for (const { lines } of nodes)
    for (const { what, name, at } of lines)
      if (what === "step" && at > since) first.set(name, Math.min(first.get(name) ?? Number.POSITIVE_INFINITY, at))
  return Math.max(...first.values()) - since
}

describe("fault 47: whose turn it is", () => {
  it("PC1 the node is killed: its work is done elsewhere within 5 s, and what others did stays but for a few", async () => {
    await using database: Database = await startDatabase()
    const [a, b, c] = (await joined(database.url, "a", "b", "c")) as [Node, Node, Node]
    await using _a = a
    await using _b = b
    await using _c = c
    const kept = new Map([b, c].map((node) => [node, node.doing]))
    const killed = Date.now()
    a.kill("SIGKILL")
    const elsewhere = await allDone("the others to do it", [b, c], killed)
    assert.isBelow(elsewhere, SOON)
    // The ring evens out what is left, by a few.
    const moved = [...kept].flatMap(([node, before]) =>
      node.lines.filter(({ what, at, name }) => what === "ends" && at > killed && before.has(name))
    )
    assert.isAtMost(moved.length, PIECES / 4)
    assert.deepStrictEqual(overlaps([a, b, c]), [])

    const stopped = Date.now()
    b.kill("SIGTERM")
    const handed = await allDone("the last one to do it", [c], stopped)
    assert.deepStrictEqual(overlaps([a, b, c]), [])
    measured(47, "a node that does work for all is killed", {
      "its work is done elsewhere after": seconds(elsewhere),
      "after a shut-down": seconds(handed)
    })
  })

  it("PC5 the node is frozen: its work is done elsewhere within 5 s; thawed it stops at once", async () => {
    await using database = await startDatabase()
    const [a, b] = (await joined(database.url, "a", "b")) as [Node, Node]
    await using _a = a
    await using _b = b
    const had = a.doing
    const frozen = Date.now()
    a.kill("SIGSTOP")
    const elsewhere = await allDone("the other to do it", [b], frozen)
    assert.isBelow(elsewhere, SOON)
    const thawed = Date.now()
    a.kill("SIGCONT")
    await waitUntil("it has ended what it did", () =>
      [...had].every((name) => a.lines.some((line) => line.what === "ends" && line.name === name && line.at > frozen))
    )
    const ends = a.lines.filter(({ what, at }) => what === "ends" && at > frozen)
    // A step that was due when it froze may be taken before its end, for the timer of neither has run.
    const late = overlaps([a, b]).filter(({ at }) => at >= thawed - 1)
    for (const name of had) assert.isAtMost(late.filter((line) => line.name === name).length, 1, name)
    await allDone("all is done again, by both", [a, b], Date.now())
    await waitUntil(
      "the thawed one has its share again",
      () => a.doing.size > 0 && a.doing.size + b.doing.size === PIECES
    )
    assert.strictEqual(overlaps([a, b]).length, late.length)
    measured(47, "a node that does work for all is frozen, then thawed", {
      "its work is done elsewhere after": seconds(elsewhere),
      "thawed it stops after": seconds(Math.max(...ends.slice(0, had.size).map(({ at }) => at)) - thawed),
      "steps that it took meanwhile": late.length
    })
  })

  it("PC1 the database is away for 5 s: the work rests, and is back within 2 s of its return", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    const [a, b] = (await joined(url, "a", "b")) as [Node, Node]
    await using _a = a
    await using _b = b
    const figures: Record<string, string> = {}
    for (const how of ["refuse", "hold"] as const) {
      const away = Date.now()
      proxy.fault = how
      if (how === "refuse") proxy.cut()
      await waitUntil("the work rests", () => a.doing.size + b.doing.size === 0)
      const rested =
        Math.max(...[...a.lines, ...b.lines].filter(({ what }) => what === "ends").map(({ at }) => at)) - away
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, away + 5_000 - Date.now())))
      assert.strictEqual(a.doing.size + b.doing.size, 0)
      const back = Date.now()
      proxy.fault = "none"
      if (how === "hold") proxy.cut()
      const after = await allDone("all is done again", [a, b], back)
      assert.isBelow(after, BACK)
      await waitUntil(
        "both have their share",
        () => a.doing.size > 0 && b.doing.size > 0 && a.doing.size + b.doing.size === PIECES
      )
      Object.assign(figures, { [`${how}: rests after`]: seconds(rested), [`${how}: back after`]: seconds(after) })
    }
    assert.deepStrictEqual(overlaps([a, b]), [])
    measured(47, "PostgreSQL away for 5 s", figures)
  })

  it("PC1 every session of the database is ended at once, again and again: the work goes on where it is", async () => {
    await using database = await startDatabase()
    await using session = await connect(database.url)
    const [a, b] = (await joined(database.url, "a", "b")) as [Node, Node]
    await using _a = a
    await using _b = b
    const before = Date.now()
    for (let n = 0; n < 5; n++) {
      await session.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'herald'")
      await allDone("all goes on", [a, b], Date.now())
    }
    const moved = [...a.lines, ...b.lines].filter(({ what, at }) => what === "ends" && at > before)
    assert.deepStrictEqual(overlaps([a, b]), [])
    measured(47, "every session of the database is ended, five times", {
      "pieces that moved or began anew": moved.length
    })
  })

  it("PC1 a server that is told to stop while the database is away does not wait for it", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    await using server = await startServer({
      DATABASE_URL: database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    })
    await waitUntil("it has its share", async () => {
      const { body } = await server.call("GET", "/metrics")
      return /^herald_placement_shards 60$/m.test(String(body))
    })
    proxy.fault = "hold"
    await waitUntil("it goes without", async () => {
      const { body } = await server.call("GET", "/readyz")
      return body.degraded.includes("placement")
    })
    assert.strictEqual(await server.end("SIGTERM"), 0)
    proxy.fault = "none"
    proxy.cut()
  })
})
