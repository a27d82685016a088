/** Fault 54: a node is killed while it makes what people asked of rollouts, each kind of it. Asked again at another node it is made, once. Fault 28 of the matrix. */
import { assert, describe, it } from "@effect/vitest"
import { edges } from "../../src/rollouts/Step.ts"
import { connect } from "../support/Database.ts"
import { Fleet, specs } from "../support/Fleet.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { Rolling } from "../support/Rolling.ts"
import { waitUntil } from "../support/waitUntil.ts"

interface Asked {
  readonly edge: string
  readonly from: string
  readonly to: string
  readonly id: string
  /** Of its idempotency. */
  readonly key: string
  /** Transitions before. */
  readonly before: number
}

/** What a person says to have a rollout go there. */
const wordOf = ({ from, to }: Asked): { readonly what: Parameters<Rolling["move"]>[1]; readonly body: object } => {
  if (to === "completed") return { what: "promote", body: { everyone: true } }
  if (to === "aborted") return { what: "abort", body: {} }
  if (to === "paused") return { what: "pause", body: {} }
  return { what: from === "paused" ? "resume" : "promote", body: {} }
}

describe("fault 54: people move rollouts, and the node dies", () => {
  it("RH1 each move that there is: nobody was answered, and asked again elsewhere it is made, once", async () => {
    await using nodes = await Nodes.start({ count: 2 })
    const [node, other] = nodes.servers as [Nodes["servers"][number], Nodes["servers"][number]]
    await using session = await connect(nodes.database.url)
    await using fleet = await Fleet.open(nodes, specs(4, ["asked.*"]))
    const rolling = new Rolling(() => [other])

    /** One that rests before a move until somebody asks for it. */
    const resting = async (from: string, to: string, nth: number): Promise<Asked> => {
      const changed = `asked.k${nth}`
      await node.published(changed, { v: 1 })
      const later = from === "scheduled" || to === "scheduled"
      const value = { v: 2, ...(from === "deploying" ? { do: "wait" } : {}) }
      const plan = { stages: ["@web-0+web-1", "100%"], bake: "10m", gates: [] }
      const id = await rolling.start({ [changed]: value }, plan, later ? { at: "+1h" } : {})
      await rolling.reaches(id, later ? "scheduled" : from === "paused" ? "baking" : from)
      if (from === "paused") assert.strictEqual((await rolling.move(id, "pause")).status, 200)
      const before = (await rolling.path(id)).length
      return { edge: `${from} → ${to}`, from, to, id, key: crypto.randomUUID(), before }
    }
    const people = edges.filter(({ by }) => by === "person")
    const all = await Promise.all(people.map(({ from, to }, nth) => resting(from, to, nth)))

    await session.query("begin")
    await session.query("select herald_lock()")
    const answers = all.map((one) => {
      const { what, body } = wordOf(one)
      const path = `/v1/rollouts/${one.id}/${what}?environment=production`
      return node.call("POST", path, body, { "idempotency-key": one.key }).then(
        ({ status }) => `answered ${status}`,
        () => "nobody answered"
      )
    })
    await waitUntil("some to wait for the writers' lock", async () => {
      const [row] = await session.query(
        "select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 7234733 and not granted"
      )
      return Number(row!["n"]) > 0
    })
    const killed = Date.now()
    await node.end("SIGKILL")
    // What of it the database had been given is made now, though nobody hears of it.
    await session.query("commit")
    assert.deepStrictEqual(new Set(await Promise.all(answers)), new Set(["nobody answered"]))
    let replayed = 0
    for (const one of all) {
      const { what, body } = wordOf(one)
      const answer = await rolling.move(one.id, what, body, one.key)
      assert.strictEqual(answer.status, 200, `${one.edge}: ${JSON.stringify(answer.body)}`)
      if (answer.body.replayed === true) replayed++
    }
    const after = Date.now() - killed

    for (const { edge, to, id, before } of all) {
      const path = (await rolling.path(id)).map((one) => one.split(" ")[0]!)
      assert.strictEqual(path[before], to, `${edge}: ${path}`)
      // Herald goes on from there, where there is something to go on with.
      if (to !== "deploying") assert.lengthOf(path, before + 1, `${edge}: ${path}`)
      await rolling.move(id, "abort")
    }
    assert.deepStrictEqual(await fleet.judge(await rolling.truths()), [])
    measured(54, "a node killed while it makes what people asked of rollouts", {
      moves: all.length,
      "made by it nonetheless, which nobody had heard of": replayed,
      "all made after the kill": seconds(after)
    })
  })
})
