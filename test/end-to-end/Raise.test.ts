/** A variant's share is raised over people, as they see it: 2,000 targeting keys over OFREP at a real server, with no client connected at all. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const PEOPLE = Array.from({ length: 2_000 }, (_, n) => ({
  targetingKey: `user-${n}`,
  environment: "production",
  plan: n % 4 === 0 ? "pro" : "free"
}))
/** Whoever pays has a variant of their own. */
const before = {
  state: "ENABLED",
  variants: { old: "a", new: "b", paid: "c" },
  defaultVariant: "old",
  targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "paid"] }
}
const PATH = "/v1/flags/checkout?environment=production"
const ROLLOUTS = "/v1/rollouts"

/** A server that says what it is told to say of a rollout. */
const judge = async () => {
  let verdict = "good"
  const server = createServer((request, response) => {
    request.resume()
    response.end(JSON.stringify({ verdict, reason: "3 carts were lost" }))
  }).listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    says: (said: string) => void (verdict = said),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

describe("raising the share of a variant", () => {
  it("QR1 QR2 RQ3 who has it keeps it, stage by stage, the others have what the rule said; taken back, all have what they had", async () => {
    await using gate = await judge()
    await using server = await startServer({ ROLLOUTS_NEAR: gate.host })
    const put = await server.call("PUT", PATH, { value: before })
    assert.strictEqual(put.status, 200)

    const variantOf = async (context: (typeof PEOPLE)[number]): Promise<string> => {
      const { status, body } = await server.call("POST", "/ofrep/v1/evaluate/flags/checkout", { context })
      assert.strictEqual(status, 200, JSON.stringify(body))
      return body.variant
    }
    const served = async (): Promise<ReadonlyArray<string>> => {
      const all: Array<string> = []
      for (let from = 0; from < PEOPLE.length; from += 50)
        all.push(...(await Promise.all(PEOPLE.slice(from, from + 50).map(variantOf))))
      return all
    }
    const start = (plan: object) =>
      server.call("POST", ROLLOUTS, {
        environment: "production",
        plan: { raise: "new", ...plan },
        flags: [{ flag: "checkout" }]
      })
    const move = (id: string, to: string) =>
      server.call("POST", `${ROLLOUTS}/${id}/${to}?environment=production`, { message: "as planned" })
    const until = (id: string, state: string, stage: number) =>
      waitUntil(`${id} to be ${state}`, async () => {
        const { body } = await server.call("GET", `${ROLLOUTS}/${id}?environment=production`)
        return body.state === state && body.stage === stage && body
      })

    // What says nothing of people is refused, with what would.
    for (const gates of [
      ["unhealthy < 2%"],
      ["rejected < 1%"],
      ["lost < 1%"],
      ["errors/requests <= 1.5 * control"],
      undefined
    ]) {
      const { status, body } = await start({ stages: "10%,100%", gates })
      assert.deepInclude({ status, code: body.code }, { status: 422, code: "HRLD-1040" }, JSON.stringify(body))
      assert.include(JSON.stringify(body), "webhook(", String(gates))
    }

    const old = await served()
    assert.deepStrictEqual(
      old,
      PEOPLE.map(({ plan }) => (plan === "pro" ? "paid" : "old"))
    )
    const gates = [`webhook(http://${gate.host}/carts), every 1s`]
    const begun = await start({ stages: "1%,10%,50%,100%", bake: "0s", approval: true, gates })
    assert.strictEqual(begun.status, 200, JSON.stringify(begun.body))
    const { id } = begun.body
    let had = old
    for (const [stage, share] of [0.01, 0.1, 0.5].entries()) {
      await until(id, "paused", stage + 1)
      const now = await waitUntil("everybody's flag", async () => {
        const now = await served()
        return now.some((one, n) => one !== had[n]) && now
      })
      assert.closeTo(now.filter((one) => one === "new").length, 2_000 * share, 20 + 100 * Math.sqrt(share))
      for (const [n, one] of now.entries()) {
        if (had[n] === "new") assert.strictEqual(one, "new", PEOPLE[n]!.targetingKey)
        else if (one !== "new") assert.strictEqual(one, old[n])
      }
      had = now
      const refused = await server.call("PUT", PATH, { value: { ...before, defaultVariant: "new" } })
      assert.deepInclude({ status: refused.status, code: refused.body.code }, { status: 409, code: "HRLD-2040" })
      if (stage === 1) {
        // Whoever decides on it dies between two stages.
        await server.end("SIGKILL")
        await server.start()
        assert.deepStrictEqual(await served(), had)
      }
      if (stage < 2) assert.strictEqual((await move(id, "promote")).status, 200)
    }

    gate.says("bad")
    const ended = await until(id, "rolled_back", 3)
    assert.include(ended.reason, "3 carts were lost")
    await waitUntil("all to have what they had", async () => JSON.stringify(await served()) === JSON.stringify(old))
    assert.deepStrictEqual((await server.call("GET", PATH)).body.definition, before)

    // Another one, to its end: everybody has it, and the flag is free.
    gate.says("good")
    const again = await start({ stages: "25%,100%", bake: "1s", gates })
    const last = await until(again.body.id, "completed", 2)
    assert.include(last.reason, "every stage was good")
    await waitUntil("all to have it", async () => (await served()).every((one) => one === "new"))
    const { body } = await server.call("GET", PATH)
    assert.deepStrictEqual(body.definition, { state: "ENABLED", variants: before.variants, defaultVariant: "new" })
    assert.strictEqual((await server.call("PUT", PATH, { value: before })).status, 200)
  })
})
