/** Fault 40: text that is heavy to read, check, render or list costs its sender, and nobody else: others are answered meanwhile. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { type Server, startServer } from "../support/Server.ts"

const key = async (server: Server, name: string, role: string, environment: string): Promise<string> => {
  const { status, body } = await server.call("POST", "/v1/keys", { name, role, environments: [environment] })
  assert.strictEqual(status, 201)
  return body.token
}

const as = (token: string) => ({ authorization: `Bearer ${token}` })

/** Megabytes, at most so far. */
const peak = (server: Server): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) / 1_024

describe("fault 40: heavy text", () => {
  it("one tenant's slow schemas, another's publishes", async () => {
    await using server = await startServer()
    const [slow, other] = [await key(server, "slow", "publisher", "a"), await key(server, "other", "publisher", "b")]
    const settled: Array<string> = []
    const attack = (n: number) =>
      server
        .call(
          "POST",
          "/v1/config/k/validate?environment=a",
          { value: `${"a".repeat(40)}!`, type: "string", schema: { pattern: `^(a+)+$${n}|^(a+)+$` } },
          as(slow)
        )
        .then(({ body }) => settled.push(body.code))
    const attacks = Array.from({ length: 6 }, (_, n) => attack(n))
    for (let n = 0; n < 10; n++) {
      const { status } = await server.call(
        "PUT",
        "/v1/config/k?environment=b",
        { value: { n }, schema: { type: "object" } },
        as(other)
      )
      assert.strictEqual(status, 200)
    }
    const before = settled.length
    await Promise.all(attacks)
    assert.isBelow(before, 6) // one after the other, each for a second: the publishes waited for none of them
    for (const code of settled) assert.include(["HRLD-1005", "HRLD-4004"], code) // too slow, or it waited too long behind its like
  })

  it("YAML that is nothing but errors, and a comparison of two megabytes", async () => {
    await using server = await startServer()
    const lines = (step: number) => Array.from({ length: 70_000 }, (_, n) => `line ${n * step}`).join("\n")
    for (const step of [1, 7]) await server.publish("texts", lines(step), { type: "string" })
    for (const heavy of [
      () =>
        server.call("POST", "/v1/config/k/validate?environment=production", {
          value: "}".repeat(262_144),
          type: "yaml"
        }),
      () => server.call("GET", "/v1/config/texts/diff?environment=production&from=1&to=2")
    ]) {
      let over = false
      const asked = heavy().then((answer) => {
        over = true
        return answer
      })
      let others = 0
      while (!over) {
        assert.strictEqual((await server.call("GET", "/livez")).status, 200)
        others++
      }
      const { status } = await asked
      assert.include([200, 422], status)
      assert.isAbove(others, 2)
    }
  })

  it("a template that would render to half a gigabyte", async () => {
    await using server = await startServer()
    await server.publish("herald.variables", JSON.stringify({ a: "y".repeat(900_000) }), { type: "json" })
    const before = peak(server)
    for (const value of ["{{a}}".repeat(590), "{{a}}".repeat(200_000)]) {
      const { status, body } = await server.publish("amplified", value, { type: "string" })
      assert.deepStrictEqual([status, body.code], [422, "HRLD-1006"])
      assert.include(body.detail, `it would have ${(value.length / 5) * 900_000}`)
    }
    assert.isBelow(peak(server) - before, 150)
  })

  it("the history of a key with many large versions, asked for by many at once", async () => {
    await using server = await startServer()
    const reader = await key(server, "reader", "subscriber", "production")
    for (let n = 0; n < 20; n++) {
      const { status } = await server.publish("large", `${n % 10}`.repeat(1_048_576), { type: "string" })
      assert.strictEqual(status, 200)
    }
    const page = (before: number | null) =>
      server.call(
        "GET",
        `/v1/config/large/history?environment=production${before === null ? "" : `&before=${before}`}`,
        undefined,
        as(reader)
      )
    const before = peak(server)
    const pages = await Promise.all(Array.from({ length: 10 }, () => page(null)))
    for (const { body } of pages) assert.isAtMost(body.versions.length, 3)
    assert.isBelow(peak(server) - before, 300)

    const seen: Array<number> = []
    for (let next: number | null = 21; next !== null; ) {
      const { body } = await page(next)
      seen.push(...body.versions.map(({ version }: { version: number }) => version))
      next = body.next
    }
    assert.deepStrictEqual(
      seen,
      Array.from({ length: 20 }, (_, n) => 20 - n)
    )
  })
})
