/** The verbs of plans and freezes. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"
import { config, POLICY, published } from "./Answers.ts"

describe("rollout plan", () => {
  it("RV4 a part is changed at the version that was read, and read again where somebody was faster", async () => {
    await using herald = await FakeHerald.start()
    const before = { plans: { other: { stages: "5" } }, freezes: [] }
    herald
      .on(`GET ${POLICY}`, { body: config(before, 3) }, { body: config({ ...before, required: [{ keys: "x" }] }, 4) })
      .on(`PUT ${POLICY}`, problem("VersionConflict", "it is at version 4"), { body: published(5) })
    const cli = terminal({ terminal: true })
    const args = ["rollout", "plan", "set", "careful", "--stages", "1%,100%", "--server", herald.url]
    assert.strictEqual(await cli.run(...args), 0, cli.said)
    assert.deepStrictEqual(herald.last.body, {
      value: { ...before, required: [{ keys: "x" }], plans: { ...before.plans, careful: { stages: "1%,100%" } } },
      type: "json",
      expectedVersion: 4
    })
  })

  it("sets, requires and takes away, from nothing on", async () => {
    const policy = { plans: { careful: { stages: "1%,100%" } }, required: [{ keys: "pay.*", plan: "careful" }] }
    const wrote = async (args: ReadonlyArray<string>, has: object | undefined) => {
      await using herald = await FakeHerald.start()
      herald
        .on(`GET ${POLICY}`, has === undefined ? problem("NotFound", "none") : { body: config(has, 3) })
        .on(`PUT ${POLICY}`, { body: published(4) })
      const cli = terminal({ terminal: true })
      const exit = await cli.run("rollout", ...args, "--server", herald.url)
      const { line, body } = herald.last
      return line.startsWith("PUT") ? body : [exit, cli.said]
    }
    assert.deepStrictEqual(await wrote(["plan", "set", "a", "--stages", "5"], undefined), {
      value: { plans: { a: { stages: "5" } } },
      type: "json",
      expectedVersion: 0
    })
    assert.deepInclude(await wrote(["plan", "require", "@flag/*", "--plan", "careful"], policy), {
      value: { ...policy, required: [...policy.required, { keys: "@flag/*", plan: "careful" }] }
    })
    assert.deepInclude(await wrote(["plan", "allow", "pay.*"], policy), { value: { ...policy, required: [] } })
    const refused = (await wrote(["plan", "remove", "careful"], policy)) as ReadonlyArray<unknown>
    assert.include(String(refused[1]), "pay.* asks for the plan careful")
    assert.deepInclude(await wrote(["freeze", "--until", "+8h", "-m", "holidays"], policy), {
      value: {
        ...policy,
        freezes: [{ from: "2026-01-02T03:04:05.000Z", until: "2026-01-02T11:04:05.000Z", message: "holidays" }]
      }
    })
    assert.deepInclude(await wrote(["freeze", "--lift"], { ...policy, freezes: [1] }), { value: policy })
    const wrong = terminal()
    assert.strictEqual(await wrong.run("rollout", "plan", "set", "a", "--stages", "50%,10%"), 2)
    assert.include(wrong.said, "adds nobody")
  })

  it("list and show tell a plan whole", async () => {
    const policy = { plans: { careful: { stages: "1%,100%" } }, required: [{ keys: "pay.*", plan: "careful" }] }
    const list = await ask(["rollout", "plan", "list"], `GET ${POLICY}`, { body: config(policy, 3) })
    assert.match(list.printed, /careful +1%, 100% +rejected < 1%; lost < 1%; unhealthy < 2%, coverage 0% +pay\.\*/)
    const show = await ask(["rollout", "plan", "show", "careful"], `GET ${POLICY}`, { body: config(policy, 3) })
    assert.include(show.printed, "a stage may take 10m, then pause")
  })
})
