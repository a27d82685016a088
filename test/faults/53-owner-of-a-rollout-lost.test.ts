/**
 * Fault 53: whoever decides on a rollout is killed at each of its transitions, or loses its sessions at the database. Each is made once, and none is lost.
 * Faults 4 and 28 of the matrix; 3, frozen and thawed: 52.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { edges } from "../../src/rollouts/Step.ts"
import { connect, type Session } from "../support/Database.ts"
import { Fleet, specs } from "../support/Fleet.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { type PlanBody, Rolling } from "../support/Rolling.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** Two a transition. */
const CLIENTS = 18

describe("fault 53: the owner of a rollout is lost", () => {
  let nodes: Nodes
  let session: Session
  let fleet: Fleet
  let rolling: Rolling
  let keys = 0
  const newKey = async () => {
    const key = `lost.k${keys++}`
    await rollingNode().published(key, { v: 1 })
    return key
  }
  const rollingNode = () =>
    nodes.servers.find(({ process }) => process?.exitCode === null && process.signalCode === null)!

  beforeAll(async () => {
    nodes = await Nodes.start({ count: 2 })
    session = await connect(nodes.database.url)
    rolling = new Rolling(() => nodes.servers.filter(({ process }) => process?.exitCode === null))
    fleet = await Fleet.open(nodes, specs(CLIENTS, ["lost.*"]))
  })
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await session?.[Symbol.asyncDispose]()
    await nodes?.[Symbol.asyncDispose]()
  })

  const lock = async () => {
    await session.query("begin")
    await session.query("select herald_lock()")
  }
  const unlock = () => session.query("commit")
  const waiting = async () => {
    const [row] = await session.query(
      "select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 7234733 and not granted"
    )
    return Number(row!["n"])
  }

  it("OG1 every session at the database ended while the transition is made, five times: it is made once", async () => {
    const key = await newKey()
    await rolling.known(CLIENTS)
    const id = await rolling.start({ [key]: { v: 2 } }, { stages: "4,60%,100%", bake: "2s", gates: [] })
    await rolling.reaches(id, "baking", 1)
    await lock()
    for (let n = 0; n < 5; n++) {
      await waitUntil("the transition to wait", async () => (await waiting()) > 0)
      await session.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'herald'")
    }
    const released = Date.now()
    await unlock()
    await rolling.reaches(id, "deploying", 2)
    const after = Date.now() - released
    await rolling.reaches(id, "completed")
    assert.deepStrictEqual(await rolling.path(id), WHOLE)
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    measured(53, "every session at the database ended, five times", { "made after": seconds(after) })
  })

  interface Poised {
    readonly id: string
    readonly key: string
  }
  const ofHerald = edges.filter(({ by }) => by === "herald").map(({ from, to }) => `${from} ${to}`)
  /** The first stage of each: who is unwell is so for every rollout whose change it has. */
  const cohortOf = (edge: string) => [0, 1].map((n) => `web-${2 * ofHerald.indexOf(edge) + n}`)

  const begun = async (
    edge: string,
    { at, ...more }: { readonly at?: string; readonly do?: string },
    plan: Partial<PlanBody>
  ): Promise<Poised> => {
    const key = await newKey()
    const cohort = cohortOf(edge)
    const stages = [`@${cohort.join("+")}`, "100%"]
    const gates = ["rejected < 1%", "unhealthy < 1%, coverage 0%"]
    const id = await rolling.start(
      { [key]: { v: 2, ...more } },
      { stages, gates, ...plan },
      at === undefined ? {} : { at }
    )
    const state = edge.split(" ")[0]!
    await rolling.reaches(id, state === "paused" ? "baking" : state)
    if (state !== "scheduled")
      await waitUntil("its cohort to have it", () => cohort.every((one) => fleet.held(one, key)?.version === 2))
    if (state === "paused") assert.strictEqual((await rolling.move(id, "pause")).status, 200)
    return { id, key }
  }
  const answered = (applied: boolean) => (key: string) => fleet.say({ order: "answer", key, applied })
  const unwell = (key: string) => fleet.say({ order: "report", key, health: "UNHEALTHY", of: fleet.having(key, 2) })

  /** How a rollout is brought before a transition, and what makes that due, besides time. */
  const poised: Readonly<
    Record<
      string,
      {
        readonly value?: Parameters<typeof begun>[1]
        readonly plan?: Partial<PlanBody>
        readonly due?: (key: string) => Promise<unknown>
      }
    >
  > = {
    "scheduled deploying": { value: { at: "+12s" } },
    "deploying baking": { value: { do: "wait" }, due: answered(true) },
    "deploying paused": { value: { do: "wait" }, plan: { deadline: "12s" } },
    "deploying rolled_back": { value: { do: "wait" }, due: answered(false) },
    "baking deploying": { plan: { bake: "12s" } },
    "baking paused": { plan: { bake: "12s", approval: true } },
    "baking completed": { plan: { bake: "12s", stages: "100%", gates: [] } },
    "baking rolled_back": { due: unwell },
    "paused rolled_back": { due: unwell }
  }
  const makeDue = async (all: ReadonlyMap<string, Poised>) => {
    for (const [edge, { key }] of all) await poised[edge]!.due?.(key)
    // What a client has said is lost with its node until it is written, and these say it once.
    await waitUntil("what is bad to be known", async () => {
      const bad = [...all].filter(([edge]) => edge.endsWith("rolled_back"))
      const looks = await Promise.all(bad.map(([, { id }]) => rolling.look(id)))
      await waiting() // keeps the session that has the lock awake
      return looks.every(({ counts }) => counts.rejected + counts.unhealthy === 2)
    })
  }

  /** One before each transition, with the writers' lock held so that none is made. */
  const poise = async () => {
    for (;;) {
      const all = new Map<string, Poised>()
      await Promise.all(
        ofHerald.map(async (edge) => {
          const { value = {}, plan = {} } = poised[edge]!
          all.set(edge, await begun(edge, value, { bake: "10m", ...plan }))
        })
      )
      await lock()
      const there = await Promise.all(
        ofHerald.map(async (edge) => (await rolling.look(all.get(edge)!.id)).state === edge.split(" ")[0])
      )
      if (there.every(Boolean)) return all
      await unlock() // the machine was too slow: once more
    }
  }

  const restart = async () => {
    const killed = Date.now()
    await Promise.all(nodes.servers.map((one) => one.end("SIGKILL")))
    await unlock().catch(() => {})
    await Promise.all(nodes.servers.map((one) => one.start()))
    return killed
  }

  const made = async (all: ReadonlyMap<string, Poised>, killed: number) => {
    const times: Array<number> = []
    for (const [edge, { id }] of all) {
      const from = edge.split(" ")[0]!
      const made = await waitUntil(`${edge}, of ${id}`, async () => {
        const history = await rolling.history(id)
        const next = history[history.findIndex(({ state }) => state === from) + 1]
        if (next === undefined) throw new Error(JSON.stringify(await rolling.look(id)))
        return next
      })
      times.push(made.at)
    }
    for (const [edge, { id }] of all) {
      const path = (await rolling.path(id)).map((one) => one.split(" ")[0]!)
      const [from, to] = edge.split(" ") as [string, string]
      const at = path.indexOf(from)
      assert.strictEqual(path[at + 1], to, `${edge}: ${path}`)
      if ((await rolling.look(id)).state === to && to !== "deploying")
        assert.strictEqual(path.length, at + 2, `${edge}: ${path}`)
    }
    for (const { id } of all.values()) await rolling.move(id, "abort")
    return Math.max(...times) - killed
  }

  it("OG2 every node killed while each transition waits to be committed: all are made, once, after their restart", async () => {
    assert.sameMembers(Object.keys(poised), ofHerald)
    const all = await poise()
    await makeDue(all)
    await waitUntil("all to be due", async () => {
      const waits = await waiting() // also keeps the session that has the lock awake
      const due = await Promise.all(
        [...all].map(async ([edge, { id }]) => {
          const { counts, untilAt } = await rolling.look(id)
          if (edge.endsWith("rolled_back")) return counts.rejected + counts.unhealthy === 2
          return edge === "deploying baking" ? counts.applied === 2 : untilAt < Date.now()
        })
      )
      return waits > 0 && due.every(Boolean)
    })
    const after = await made(all, await restart())
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    measured(53, "every node killed while each transition of a rollout waits to be committed", {
      transitions: all.size,
      "all made after the kill, restart included": seconds(after)
    })
  })

  it("OG2 every node killed as transitions are made: each is made once", async () => {
    const all = await poise()
    await makeDue(all)
    await waitUntil("some to wait", async () => (await waiting()) > 0)
    await unlock()
    const targets = new Map([...all].map(([edge, { id }]) => [id, edge.split(" ")[1]!]))
    await waitUntil("some to be made", async () => {
      const rows = await session.query("select id, state from rollouts")
      return rows.filter(({ id, state }) => targets.get(String(id)) === state).length >= 3
    })
    const after = await made(all, await restart())
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    measured(53, "every node killed as transitions of rollouts are made", {
      "all made after the kill, restart included": seconds(after)
    })
  })
})

const WHOLE = [
  "scheduled 0",
  "deploying 1",
  "baking 1",
  "deploying 2",
  "baking 2",
  "deploying 3",
  "baking 3",
  "completed 3"
]
