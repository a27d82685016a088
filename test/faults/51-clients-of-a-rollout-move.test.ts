/**
 * Fault 51: clients move at every stage of a rollout, publishers race it, and some lie. Those of the cohort have the candidate, nobody else ever had it.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Fleet, specs } from "../support/Fleet.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { Rolling } from "../support/Rolling.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CLIENTS = 24
const STAGES = ["25%", "50%", "75%", "100%"]

describe("fault 51: clients of a rollout move, race and lie", () => {
  let nodes: Nodes
  let rolling: Rolling
  let keys = 0
  const serving = () => nodes.servers.filter(({ process }) => process?.exitCode === null && process.signalCode === null)
  const newKey = async () => {
    const key = `move.k${keys++}`
    await serving()[0]!.published(key, { v: 1 })
    return key
  }

  beforeAll(async () => {
    nodes = await Nodes.start({ count: 2 })
    rolling = new Rolling(serving)
  })
  afterAll(() => nodes?.[Symbol.asyncDispose]())

  /** Each has what it is to have. */
  const settled = async (fleet: Fleet, id: string, key: string, was = 1) => {
    const its = await rolling.cohort(id, fleet.instances)
    await waitUntil("each to have what it is to have", () =>
      fleet.instances.every((instance) => fleet.held(instance, key)?.version === (its.includes(instance) ? 2 : was))
    )
  }

  it("RQ2 at every stage: resumed, anew, taken over, and with their node killed", async () => {
    const key = await newKey()
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["move.*"]))
    const ways = async () => {
      for (const how of ["resume", "anew", "take over"] as const) {
        await fleet.again(how)
        await settled(fleet, id, key)
      }
    }
    const id = await rolling.start({ [key]: { v: 2 } }, { stages: STAGES, bake: "10m", gates: [] })
    const backs: Array<number> = []
    for (const [nth] of STAGES.entries()) {
      await rolling.reaches(id, "baking", nth + 1)
      await settled(fleet, id, key)
      await ways()
      const node = nodes.servers[nth % 2]!
      const killed = performance.now()
      await node.end("SIGKILL")
      const all = settled(fleet, id, key)
      await fleet.again("resume")
      await all
      backs.push(performance.now() - killed)
      await node.start()
      if (nth === 1) {
        assert.strictEqual((await rolling.move(id, "pause")).status, 200)
        await ways()
      }
      assert.strictEqual((await rolling.move(id, "promote")).status, 200)
    }
    assert.strictEqual((await rolling.look(id)).state, "completed")
    await settled(fleet, id, key)
    await ways()
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    const sent = [...fleet.updates.values()].reduce((sum, its) => sum + its.length, 0)
    measured(51, "clients move at every stage of a rollout", {
      clients: CLIENTS,
      "updates that they were sent": sent,
      "of a candidate outside of its cohort": 0,
      "each has what it is to have after a node was killed": seconds(Math.max(...backs))
    })
  })

  it("S2 taken back while they move: each has the old version again, at a newer position", async () => {
    const key = await newKey()
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["move.*"]))
    const id = await rolling.start({ [key]: { v: 2 } }, { stages: ["50%", "100%"], bake: "10m", gates: [] })
    await rolling.reaches(id, "baking", 1)
    await settled(fleet, id, key)
    const moving = fleet.again("resume")
    assert.strictEqual((await rolling.move(id, "abort")).status, 200)
    await moving
    for (const how of ["resume", "anew", "take over"] as const) {
      await settled(fleet, id, key)
      await fleet.again(how)
    }
    await settled(fleet, id, key)
    const other = await rolling.start({ [key]: { v: 3 } }, { stages: ["50%", "100%"], bake: "10m", gates: [] })
    await rolling.reaches(other, "baking", 1)
    const its = await rolling.cohort(other, fleet.instances)
    await waitUntil("each to have what the next one gives it", () =>
      fleet.instances.every((instance) => fleet.held(instance, key)?.version === (its.includes(instance) ? 3 : 1))
    )
    await fleet.again("resume")
    await rolling.move(other, "abort")
    await settled(fleet, other, key)
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
  })

  it("RQ3 publishers race the promotion: refused before it, after it they have the next version, and force ends it whole", async () => {
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["move.*"]))
    const ends: Record<string, number> = {}
    let refused = 0
    for (let round = 0; round < 8; round++) {
      const force = round % 2 === 1
      const key = await newKey()
      const id = await rolling.start({ [key]: { v: 2 } }, { stages: ["50%", "100%"], bake: "10m", gates: [] })
      await rolling.reaches(id, "baking", 1)
      await settled(fleet, id, key)
      let over = false
      const published: Array<number> = []
      const publisher = async (nth: number) => {
        for (let n = 0; !over || n === 0; n++) {
          const server = nodes.servers[nth % 2]!
          const query = `environment=production${force ? "&force=true" : ""}`
          const { status, body } = await server.call("PUT", `/v1/config/${key}?${query}`, {
            value: { v: `${nth}.${n}` },
            message: "a race"
          })
          if (status === 200) published.push(body.version)
          else if (body.code === "HRLD-2040") refused++
          else assert.oneOf(body.code, ["HRLD-2001", "HRLD-4004"], JSON.stringify(body))
          if (force && n > 1) return
        }
      }
      const racing = [0, 1, 2, 3].map(publisher)
      const promoted = await rolling.move(id, "promote", { everyone: true })
      over = true
      await Promise.all(racing)
      const { state } = await rolling.look(id)
      ends[state] = (ends[state] ?? 0) + 1
      assert.strictEqual(promoted.status === 200, state === "completed", JSON.stringify(promoted.body))
      // Each number once, and the candidate's is nobody else's.
      const wanted = state === "completed" ? [1, 2, ...published] : [1, ...published]
      const { body } = await serving()[0]!.call("GET", `/v1/config/${key}/history?environment=production&limit=1000`)
      const current = (body.versions as ReadonlyArray<{ version: number; rollout?: { state: string } }>)
        .filter(({ rollout }) => rollout === undefined || rollout.state === "promoted")
        .map(({ version }) => version)
      assert.sameMembers(current, wanted)
      assert.notInclude(published, 2)
      const newest = Math.max(...wanted)
      await waitUntil("everyone to have the newest", () => fleet.having(key, newest).length === CLIENTS)
      if (!force) assert.strictEqual(state, "completed")
    }
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    measured(51, "publishers race the promotion of a rollout, 8 rounds", { ...ends, "publishes refused": refused })
  })

  it("EE2 reports late, doubled, of a replaced instance, from outside of the cohort, and forged change nothing", async () => {
    const key = await newKey()
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["move.*"]))
    const made = await serving()[0]!.call("POST", "/v1/keys", {
      name: "stranger",
      role: "subscriber",
      environments: ["production"]
    })
    const stranger = made.body.token as string
    const gates = ["unhealthy < 5%, coverage 0%", "rejected < 5%", "lost < 5%"]
    const id = await rolling.start({ [key]: { v: 2 } }, { stages: ["50%", "75%", "100%"], bake: "10m", gates })
    await rolling.reaches(id, "baking", 1)
    const its = await rolling.cohort(id, fleet.instances) // half of 24, by lot: of a cohort of one, one alone would be enough
    const others = fleet.instances.filter((instance) => !its.includes(instance))
    const report = (of: ReadonlyArray<string>, more: object = {}) =>
      fleet.say({ order: "report", key, health: "UNHEALTHY", of, ...more }) as Promise<Record<string, number>>
    const unhealthy = async () => (await rolling.look(id)).counts.unhealthy

    await report(its, { late: 1 }) // of what was before
    await report(others)
    const forged = await report(its, { token: stranger })
    assert.isUndefined(forged["taken"], JSON.stringify(forged))
    // Its word counts once, however often it says it, and whoever takes the instance over is the same one.
    const began = performance.now()
    await report(its.slice(0, 1), { times: 500 })
    const flood = performance.now() - began
    await waitUntil("its word to count", async () => {
      await report(its.slice(0, 1))
      return (await unhealthy()) === 1
    })
    await fleet.again("take over", its.slice(0, 1))
    // Until its new session has told what it holds, its word is of what was before: it says it again.
    await waitUntil("its word to count again", async () => {
      await report(its.slice(0, 1))
      return (await unhealthy()) === 1
    })
    const shown = await rolling.look(id)
    assert.strictEqual(shown.state, "baking", shown.reason)
    assert.strictEqual(shown.readings[0].verdict, "unknown", "one alone decides nothing")
    // A second one does.
    const second = Date.now()
    await report(its.slice(1, 2))
    const { reason, at } = await rolling.reaches(id, "rolled_back")
    assert.include(reason, "2 of 2")
    await settled(fleet, id, key)
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    measured(51, "reports late, doubled, forged and from outside", {
      "that counted": 0,
      "500 of one client, one after the other": seconds(flood),
      "the second client that says so takes it back after": seconds(at - second)
    })
  })

  it("CE1 a client that claims a label is in the cohort of that label, by its own labels and for itself alone", async () => {
    const key = await newKey()
    const some = specs(CLIENTS, ["move.*"])
    await using fleet = await Fleet.open(nodes, [
      ...some.slice(0, 4).map((one) => ({ ...one, labels: { region: "eu" } })),
      ...some.slice(4)
    ])
    await using liar = await Fleet.open(nodes, [{ instance: "liar", keys: ["move.*"], labels: { region: "eu" } }])
    const gates = ["unhealthy < 5%, coverage 0%", "rejected < 5%"]
    const id = await rolling.start({ [key]: { v: 2 } }, { stages: ["region=eu", "100%"], bake: "10m", gates })
    await rolling.reaches(id, "baking", 1)
    await waitUntil(
      "those with the label to have it",
      () => fleet.having(key, 2).length === 4 && liar.having(key, 2).length === 1
    )
    await liar.say({ order: "report", key, health: "UNHEALTHY", times: 50 })
    await waitUntil("its word to be heard", async () => (await rolling.look(id)).counts.unhealthy === 1)
    assert.strictEqual((await rolling.look(id)).state, "baking")
    await rolling.move(id, "abort")
    const truths = await rolling.truths()
    assert.deepStrictEqual([...(await fleet.judge(truths)), ...(await liar.judge(truths))], [])
  })
})
