/**
 * Fault 45: one change, and every page asks for all flags again at that moment. All are answered with it, and what is delivered beside goes on.
 */
import { assert, describe, it } from "@effect/vitest"
import { EventSource } from "eventsource"
import { ask } from "../../bench/support/Probe.ts"
import { newFolder } from "../support/folder.ts"
import { measured, seconds } from "../support/measured.ts"
import { Server } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const PAGES = 300
const FLAGS = 100
const ROUNDS = 3

interface Page {
  readonly source: EventSource
  /** Values of the flag, of each answer. */
  readonly got: Array<number>
  /** Anything but an answer with flags. */
  readonly wrong: Array<string>
}

describe("fault 45: every page asks again at once", () => {
  it("RG2 RG3 FU4 each is answered with the change, and a neighbour's configuration is delivered meanwhile", async () => {
    const { path, remove } = newFolder()
    const socket = `${path}/probe.sock`
    const at = (file: string) => new URL(`../../${file}`, import.meta.url).pathname
    await using server = await new Server(
      { FLAGS_ANONYMOUS: "production", HERALD_BENCH_SOCKET: socket },
      { command: [process.execPath, "--expose-gc", "--import", at("bench/support/Stall.ts"), at("src/main.ts")] }
    ).start()
    const flag = (n: number, round: number) => ({
      flag: `flag-${String(n).padStart(3, "0")}`,
      environment: "production",
      value: {
        ...{ state: "ENABLED", variants: { a: round, b: -1 }, defaultVariant: "a" },
        targeting: { if: [{ in: [{ var: "plan" }, ["none", "other"]] }, "b", "a"] }
      }
    })
    const release = async (flags: ReadonlyArray<object>) => {
      const { status, body } = await server.call("POST", "/v1/releases", { changes: [], flags })
      assert.strictEqual(status, 200, JSON.stringify(body))
    }
    await release(Array.from({ length: FLAGS }, (_, n) => flag(n, 0)))

    const pages = Array.from({ length: PAGES }, (_, n): Page => {
      const source = new EventSource(`${server.http}/ofrep/v1/events?environment=production`)
      const page: Page = { source, got: [], wrong: [] }
      source.addEventListener("message", async ({ data }) => {
        const { etag } = JSON.parse(data) as { readonly etag: string }
        const answer = await fetch(
          `${server.http}/ofrep/v1/evaluate/flags?flagConfigEtag=${encodeURIComponent(etag)}`,
          {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ context: { targetingKey: `user-${n}`, plan: `p${n % 7}` } })
          }
        ).catch(String)
        if (typeof answer === "string" || answer.status !== 200)
          return void page.wrong.push(typeof answer === "string" ? answer : `${answer.status} ${await answer.text()}`)
        const { flags } = (await answer.json()) as { readonly flags: ReadonlyArray<{ readonly value: number }> }
        page.got.push(flags[7]!.value)
      })
      return page
    })
    const all = (what: string, is: (page: Page) => boolean) => waitUntil(what, () => pages.every(is))
    await all("all streams to be open", ({ source }) => source.readyState === EventSource.OPEN)
    // They came after a change of the ten minutes before, so each asks once.
    await all("all to have asked", ({ got }) => got.length > 0)

    const neighbour = new Subscriber(server.grpc, { token: server.token })
    await server.published("svc", "0")
    await waitUntil("the neighbour's first", () => neighbour.content("svc") === "0")
    await ask(socket)
    const [asked, delivered]: [Array<number>, Array<number>] = [[], []]
    for (let round = 1; round <= ROUNDS; round++) {
      const from = performance.now()
      await release([flag(7, round)])
      let done = false
      const answered = all("all to have the change", ({ got }) => got.at(-1) === round).then(() => {
        done = true
        asked.push(performance.now() - from)
      })
      for (let n = 0; !done || n === 0; n++) {
        const since = performance.now()
        const value = `${round}.${n}`
        assert.strictEqual((await server.published("svc", value)).status, 200)
        await waitUntil("the neighbour to have it", () => neighbour.content("svc") === value)
        delivered.push(performance.now() - since)
      }
      await answered
    }
    const { stall } = await ask(socket)
    for (const { wrong, got } of pages) {
      assert.deepStrictEqual(wrong, [])
      assert.deepStrictEqual(
        got,
        got.toSorted((one, other) => one - other)
      )
    }
    assert.deepStrictEqual(neighbour.backwards, [])
    measured(45, "300 pages ask for 100 flags at the same change", {
      "all have it after": seconds(Math.max(...asked)),
      "publish to delivery meanwhile, slowest": seconds(Math.max(...delivered)),
      "event loop of the server stood still at most": seconds(stall)
    })
    for (const { source } of pages) source.close()
    neighbour.close()
    remove()
  })
})
