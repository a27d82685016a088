/**
 * Fault 50: what is known of a rollout is missing, or clocks jump. Nothing is promoted by it, nothing early, and it pauses where nobody knows.
 * Faults 26 and 29 of the matrix. PostgreSQL away in a bake: 52.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { connect, type Session } from "../support/Database.ts"
import { Fleet, specs } from "../support/Fleet.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { Rolling } from "../support/Rolling.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CLIENTS = 10
const HOUR = 3_600_000
/** Counts: a share by lot has nobody new behind three of ten in one run of eighteen, and then what is known of the three promotes, rightly. */
const STAGES = "3,6,100%"
/**
 * What those that are well have to say so, on a machine that has others to serve: with 2 s, a stage of which everybody was about to report paused, and
 * rightly. The pause that is waited for comes after it.
 */
const PATIENCE = "8s"
const clock = new URL("../support/jumpingClock.ts", import.meta.url).href

describe("fault 50: evidence of a rollout is missing", () => {
  /** Each node's way to the database. */
  const proxies = [new TcpProxy(0), new TcpProxy(0)] as const
  let nodes: Nodes
  let session: Session
  let rolling: Rolling
  let keys = 0
  const newKey = async () => {
    const key = `told.k${keys++}`
    await nodes.servers[0]!.published(key, { v: 1 })
    return key
  }

  beforeAll(async () => {
    const ports = await Promise.all(proxies.map((proxy) => proxy.listen()))
    nodes = await Nodes.start({
      count: 2,
      env: { NODE_OPTIONS: `--import ${clock}`, JUMP: String(HOUR) },
      own: (node, databaseUrl) => {
        const url = new URL(databaseUrl)
        proxies[node]!.target = Number(url.port)
        url.port = String(ports[node])
        return { DATABASE_URL: url.href }
      }
    })
    session = await connect(nodes.database.url)
    rolling = new Rolling(() => nodes.servers)
  })
  afterAll(async () => {
    for (const proxy of proxies) proxy.fault = "none"
    await session?.[Symbol.asyncDispose]()
    await nodes?.[Symbol.asyncDispose]()
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
  })

  /** By the database's clock, of each bake that went on: how much longer it was than asked for, at least. */
  const early = async (id: string, bakeMillis: number): Promise<number> => {
    const history = await rolling.history(id)
    const bakes = history.flatMap(({ state, at }, nth) => {
      const next = history[nth + 1]
      return state === "baking" && next !== undefined && ["deploying", "completed"].includes(next.state)
        ? [next.at - at - bakeMillis]
        : []
    })
    return Math.min(...bakes)
  }

  it("MV2 reports vanish: a stage of which nobody says that it is well is never promoted, and pauses", async () => {
    const key = await newKey()
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["told.*"]))
    const gates = ["unhealthy < 2%", "rejected < 1%"]
    const plan = { stages: STAGES, bake: "2s", patience: PATIENCE, gates }
    await rolling.known(CLIENTS)
    const id = await rolling.start({ [key]: { v: 2 } }, plan)
    await rolling.reaches(id, "baking", 1)
    await waitUntil("the first stage to have it", async () => {
      const cohort = await rolling.cohort(id, fleet.instances)
      return cohort.every((instance) => fleet.held(instance, key)?.version === 2)
    })
    await fleet.say({ order: "report", key, health: "HEALTHY", of: fleet.having(key, 2) })
    await rolling.reaches(id, "baking", 2)
    const { reason, untilAt } = await rolling.reaches(id, "paused", 2)
    assert.include(reason, "unhealthy < 2%")
    assert.isNull(untilAt)
    assert.sameMembers([...fleet.having(key, 2)], [...(await rolling.cohort(id, fleet.instances))])
    // Who is well again is not promoted by itself: a person resumes it.
    await fleet.say({ order: "report", key, health: "HEALTHY", of: fleet.having(key, 2) })
    await rolling.move(id, "resume")
    await rolling.reaches(id, "baking", 3)
    await rolling.move(id, "abort")
    await waitUntil("everyone to have the old version", () => fleet.having(key, 1).length === CLIENTS)
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    measured(50, "reports vanish in a bake", { "stages promoted without them": 0 })
  })

  it("MV2 a node that can't tell of its instances: nothing is promoted without it, and it pauses", async () => {
    const key = await newKey()
    await using near = await Fleet.open(
      { addresses: [nodes.addresses[0]!], token: nodes.token },
      specs(CLIENTS, ["told.*"])
    )
    await using far = await Fleet.open(
      { addresses: [nodes.addresses[1]!], token: nodes.token },
      specs(CLIENTS, ["told.*"]).map((one) => ({ ...one, instance: `far-${one.instance}` }))
    )
    const plan = { stages: STAGES, bake: "3s", patience: PATIENCE, gates: ["rejected < 1%"] }
    await rolling.known(2 * CLIENTS)
    const id = await rolling.start({ [key]: { v: 2 } }, plan)
    await rolling.reaches(id, "baking", 1)
    proxies[1].fault = "hold"
    const asked = new Rolling(() => [nodes.servers[0]!])
    const paused = await asked.reaches(id, "paused")
    const before = (await asked.history(id)).at(-2)!
    assert.isAtMost(paused.stage, 2)
    assert.include(paused.reason, "not every node has told")
    proxies[1].fault = "none"
    proxies[1].cut()
    assert.strictEqual((await asked.move(id, "resume")).status, 200)
    await rolling.reaches(id, "completed")
    await waitUntil("everyone to have it", () => near.having(key, 2).length + far.having(key, 2).length === 2 * CLIENTS)
    const truths = await rolling.truths()
    assert.deepStrictEqual([...(await near.judge(truths)), ...(await far.judge(truths))], [])
    measured(50, "a node can't tell of its instances", {
      "paused after the last transition": seconds(paused.at - before.at)
    })
  })

  it("MV4 the clock of a node jumps by an hour and back in a bake: no stage begins early", async () => {
    const key = await newKey()
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["told.*"]))
    await rolling.known(CLIENTS)
    const id = await rolling.start({ [key]: { v: 2 } }, { stages: STAGES, bake: "3s", gates: ["rejected < 1%"] })
    for (const stage of [1, 2, 3]) {
      await rolling.reaches(id, "baking", stage)
      for (const { process } of nodes.servers) process!.kill("SIGUSR2")
    }
    await rolling.reaches(id, "completed")
    const least = await early(id, 3_000)
    assert.isAtLeast(least, 0)
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    for (const { process } of nodes.servers) process!.kill("SIGUSR2")
    measured(50, "the clocks of nodes jump by an hour, forth and back, in bakes", {
      "stages begun early": 0,
      "later than asked for, at least": seconds(least)
    })
  })

  it("MV4 the clock of the database jumps by an hour in a bake, and again: no stage begins early", async () => {
    const { pathname } = new URL(nodes.database.url)
    await session.query("create schema faked")
    await session.query("create table faked.jumped (millis bigint not null)")
    await session.query("insert into faked.jumped values (0)")
    await session.query(`create function faked.clock_timestamp() returns timestamptz language sql volatile as
      $$select pg_catalog.clock_timestamp() + (select millis from faked.jumped) * interval '1 millisecond'$$`)
    await session.query(`alter database "${pathname.slice(1)}" set search_path = faked, pg_catalog, public`)
    await session.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'herald'")
    const key = await newKey()
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["told.*"]))
    const gates = ["rejected < 1%", "lost < 1%"]
    await rolling.known(CLIENTS)
    const id = await rolling.start({ [key]: { v: 2 } }, { stages: STAGES, bake: "4s", gates })
    const baked: Array<number> = []
    for (const stage of [1, 2]) {
      await rolling.reaches(id, "baking", stage)
      const since = performance.now()
      await session.query(`update faked.jumped set millis = ${stage * HOUR}`)
      await rolling.until(id, "beyond that bake", ({ state }) => state !== "baking")
      baked.push(performance.now() - since)
    }
    // Set back, it waits for that hour, unless a person does not.
    await rolling.reaches(id, "baking", 3)
    await session.query("update faked.jumped set millis = 0")
    assert.strictEqual((await rolling.move(id, "promote")).status, 200)
    assert.strictEqual((await rolling.look(id)).state, "completed")
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    // Less what it took to see that it bakes.
    for (const millis of baked) assert.isAtLeast(millis, 3_000)
    measured(50, "the clock of the database jumps by an hour, twice, in bakes of 4 s", {
      "stages begun early": 0,
      "bakes took": baked.map(seconds).join(", ")
    })
  })
})
