/**
 * Fault 55: a rollout of a configuration that its clients refuse, that is too large, or that they die of. It is taken back by itself; nobody else had it.
 * Fault 27 of the matrix.
 */
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { wrongIn } from "../support/Allowed.ts"
import { Fleet, specs } from "../support/Fleet.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { Rolling } from "../support/Rolling.ts"
import type { Update } from "../support/Subscriber.ts"
import { Supervised } from "../support/Supervised.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CLIENTS = 30
/** Of the first stage. */
const COHORT = 3
/** Milliseconds since it could be known: until it is taken back, and until everyone has the old version. */
const BEGINS = 10_000
const DONE = 30_000
const service = fileURLToPath(new URL("../support/CrashingService.ts", import.meta.url))

describe("fault 55: a bad configuration is rolled out", () => {
  let nodes: Nodes
  let rolling: Rolling
  beforeAll(async () => {
    nodes = await Nodes.start({ count: 1 })
    rolling = new Rolling(() => nodes.servers)
  })
  afterAll(() => nodes?.[Symbol.asyncDispose]())

  it("MV1 its cohort refuses it: taken back, and the first stage was all that had it", async () => {
    await nodes.servers[0]!.published("refused", { v: 1 })
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["refused"]))
    await rolling.known(CLIENTS)
    const id = await rolling.start({ refused: { v: 2, do: "reject" } }, { stages: `${COHORT},50%,100%`, bake: "1m" })
    const { reason, counts, at } = await rolling.reaches(id, "rolled_back", 1)
    const hit = fleet.times("refused", 2)
    await waitUntil("everyone to have the old version", () => fleet.having("refused", 1).length === CLIENTS)
    const restored = Math.max(...fleet.times("refused", 1, Math.min(...hit)))
    assert.match(reason, /^rejected < 1%: 2 of 2|^rejected < 1%: 3 of 3/)
    assert.match(reason, /it is not for me/)
    assert.isAtMost(hit.length, COHORT)
    assert.isAtLeast(counts.rejected, 2)
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    assert.isBelow(at - Math.min(...hit), BEGINS)
    assert.isBelow(restored - Math.min(...hit), DONE)
    measured(55, "a rollout that its clients refuse", {
      "clients that had it": `${hit.length} of ${CLIENTS}`,
      "taken back after the first had it": seconds(at - Math.min(...hit)),
      "everyone has the old version after": seconds(restored - Math.min(...hit))
    })
  })

  it("RK1 one that is too large is refused where it comes in, and nothing begins", async () => {
    await nodes.servers[0]!.published("large", { v: 1 })
    const { status, body } = await nodes.servers[0]!.call("POST", "/v1/rollouts", {
      environment: "production",
      changes: [{ key: "large", value: { v: 2, text: "x".repeat(5 * 1_024 * 1_024) } }],
      plan: { stages: "10%,100%" }
    })
    assert.strictEqual(status, 413, JSON.stringify(body))
    assert.match(body.code, /^HRLD-/)
    const { body: listed } = await nodes.servers[0]!.call("GET", "/v1/rollouts?environment=production&key=large")
    assert.deepStrictEqual(listed.rollouts, [])
    assert.strictEqual((await nodes.servers[0]!.read("large", "strong")).body.version, 1)
  })

  it("MV1 its cohort dies of it, and again whenever it is started: taken back, and they stay up", async () => {
    await nodes.servers[0]!.published("svc", { v: 1 })
    await using fleet = await Fleet.open(nodes, specs(CLIENTS, ["svc"]))
    const names = ["crash-0", "crash-1", "crash-2"]
    type Line = Pick<Update, "kind" | "key" | "version" | "revision" | "epoch">
    const services = names.map((name) => new Supervised<Line>(service, [nodes.addresses[0]!, nodes.token, name, "svc"]))
    await using _0 = services[0]!
    await using _1 = services[1]!
    await using _2 = services[2]!
    await waitUntil("the services to be up", () =>
      services.every(({ said }) => said.some(({ version }) => version === 1))
    )
    const id = await rolling.start(
      { svc: { v: 2, crash: true } },
      { stages: [`@${names.join("+")}`, "100%"], bake: "1m", applied: "50%", crashes: 2 }
    )
    const { reason, at } = await rolling.reaches(id, "rolled_back", 1)
    const first = Math.min(...services.flatMap(({ said }) => said.find(({ version }) => version === 2)?.at ?? []))
    const left = () => services.map(({ lives }) => lives.at(-1)!.at(-1))
    await waitUntil("every service to be up with the old version", () => left().every((line) => line?.version === 1))
    const restored = Math.max(...left().map((line) => line!.at))
    const dead = services.map(({ deaths }) => deaths.length)
    assert.match(reason, /^lost < 1%: /)
    assert.deepStrictEqual(fleet.times("svc", 2), [])
    const truths = await rolling.truths()
    assert.deepStrictEqual(await fleet.judge(truths), [])
    for (const [nth, { lives }] of services.entries()) {
      const sent = lives.map((updates) => ({ instance: names[nth]!, labels: {}, resumed: false, updates }))
      assert.deepStrictEqual(wrongIn(sent, truths), [])
    }
    // How soon they are started again is the machine's.
    const twice = services.map(({ deaths }) => deaths[1]!).sort((a, b) => a - b)[1]!
    assert.isBelow(at - twice, BEGINS)
    assert.isBelow(restored - twice, DONE)
    // Nobody dies any more.
    await waitUntil("each to be connected", async () => {
      const query = "environment=production&service=svc&connected=true"
      const { body } = await nodes.servers[0]!.call("GET", `/v1/clients?${query}`)
      return body.clients.length === CLIENTS + names.length
    })
    assert.deepStrictEqual(
      services.map(({ deaths }) => deaths.length),
      dead
    )
    measured(55, "a rollout that its clients die of", {
      "clients that had it": `${names.length} of ${CLIENTS + names.length}`,
      "died, all in all": dead.reduce((sum, one) => sum + one, 0),
      "taken back after the first had it": seconds(at - first),
      "after two had died twice": seconds(at - twice),
      "every service up with the old version after": seconds(restored - first)
    })
  })
})
