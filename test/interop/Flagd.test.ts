/** flagd's own core (Go), with Herald as its source `grpc://`: what it syncs, and whether its evaluator and ours agree on all cases of its testbed. */
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { Door } from "../support/Door.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { goFlags } from "./Tools.ts"

interface Case {
  readonly flag: string
  readonly context: Readonly<Record<string, unknown>>
  readonly bucketing?: "v2" | "v3"
}
type Answer = readonly [value: unknown, variant: string, reason: string, code: string]
const testbed = JSON.parse(readFileSync(new URL("../evaluation/testbed.json", import.meta.url), "utf8")) as {
  readonly flags: Readonly<Record<string, object>>
  readonly $evaluators: object
  readonly cases: ReadonlyArray<Case>
}

let door: Door
let flagd: ChildProcess
const facts: Array<{ readonly fact: string; readonly value: unknown }> = []
const of = (fact: string) => facts.filter((one) => one.fact === fact).map(({ value }) => value)
const tell = (what: object) => flagd.stdin!.write(`${JSON.stringify(what)}\n`)
/** Answers come in the order of what is asked. */
let asked = 0
const ask = (flag: string, context: object = {}): Promise<Answer> => {
  const its = asked++
  tell({ flag, context })
  return waitUntil(`an answer of ${flag}`, () => of("answer")[its] as Answer | undefined)
}
const flags = <A, E>(use: (flags: Flags["Service"]) => Effect.Effect<A, E>) =>
  door.run(Effect.flatMap(Flags, use).pipe(Effect.provideService(CurrentIdentity, system)))
/** False: Herald takes no such flag. */
const put = (key: string, definition: object) =>
  flags(({ publish }) =>
    Effect.isSuccess(
      publish({ environment: "production", key, definition: JSON.stringify(definition) }, { message: "" })
    )
  )
const ours = async ({ flag, context }: Case): Promise<Answer> => {
  const { value, variant, reason, errorCode } = await flags(({ resolve }) =>
    resolve("production", flag, context, callerOf("flagd-rpc", "test"))
  )
  return [value ?? null, variant ?? "", reason, errorCode ?? ""]
}

beforeAll(async () => {
  door = await Door.open()
  flagd = spawn(await goFlags(), ["flagd", door.address, door.token], { stdio: ["pipe", "pipe", "inherit"] })
  createInterface({ input: flagd.stdout! }).on("line", (line) => facts.push(JSON.parse(line)))
})
afterAll(async () => {
  flagd?.kill("SIGKILL")
  await door.close()
})

describe("flagd", () => {
  it("FP6, FX1 syncs from Herald, hears of each change, and fetches all again", async () => {
    await waitUntil("the first document", () => of("synced").length === 1)
    assert.isTrue(await put("here", { enabled: true }))
    await waitUntil("the next", () => of("synced").length === 2)
    tell({ resync: true })
    await waitUntil("what it fetched", () => of("synced").length === 3)
    assert.strictEqual(of("synced")[2], of("synced")[1])
    assert.deepStrictEqual(await ask("here"), [true, "on", "STATIC", ""])
    assert.deepStrictEqual([of("failed"), of("ended")], [[], []])
  })

  it("FE6, FX1 its evaluator and ours give the same answers to all cases of its testbed", async () => {
    const taken = new Set<string>()
    for (const [key, flag] of Object.entries(testbed.flags))
      if (await put(key, { ...flag, $evaluators: testbed.$evaluators })) taken.add(key)
    assert.isAbove(taken.size, 55)
    assert.isTrue(await put("last", { enabled: true }))
    await waitUntil("flagd to have them all", async () => (await ask("last"))[1] === "on")
    const cases = testbed.cases.filter(({ flag, bucketing }) => taken.has(flag) && bucketing !== "v3")
    assert.isAbove(cases.length, 100)
    const theirs = await Promise.all(cases.map(({ flag, context }) => ask(flag, context)))
    for (const [i, one] of cases.entries()) {
      const [value, variant, reason, code] = theirs[i]!
      const [own, ...told] = await ours(one)
      // What its core calls FALLBACK is DEFAULT at its doors.
      assert.deepStrictEqual([variant, reason === "FALLBACK" ? "DEFAULT" : reason, code], told, JSON.stringify(one))
      if (own !== null) assert.deepStrictEqual(value, own, JSON.stringify(one))
    }
    assert.deepStrictEqual(of("failed"), [])
  })
})
