/**
 * Applications with OpenFeature's SDK and providers that nobody here wrote, as docs/flags.md shows them, each a process of its own, at a real
 * server: Go's by Connect and by gRPC, Python's by gRPC and by OFREP, Java's of the first version by gRPC, JavaScript's by gRPC and by OFREP, and that of browsers by Connect.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { goFlags, guest, javaFlags, python } from "./Tools.ts"

/** What an application made of its flags: value, variant, reason and error code. */
type Told = readonly [value: unknown, variant: string | null, reason: string, code: string | null]
type Flags = { readonly checkout: readonly [boolean, boolean] } & Readonly<Record<string, Told>>

class App implements Disposable {
  readonly name: string
  readonly #child: ChildProcess
  readonly seen: Array<Flags> = []
  events = 0
  wrong = ""

  constructor(name: string, [program, ...args]: readonly [string, ...Array<string>], env: Record<string, string>) {
    this.name = name
    this.#child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      const { fact, value } = JSON.parse(line) as { readonly fact: string; readonly value: Flags }
      if (fact === "flags") this.seen.push(value)
      else if (fact === "event") this.events++
      else this.wrong += line
    })
    this.#child.stderr!.on("data", (bytes) => {
      this.wrong = (this.wrong + String(bytes)).slice(-4_000)
    })
  }
  get last(): Flags | undefined {
    return this.seen.at(-1)
  }
  met(what: string, is: (flags: Flags) => boolean): Promise<unknown> {
    return waitUntil(
      `${this.name}: ${what}`,
      () => {
        if (this.#child.exitCode !== null) assert.fail(`${this.name} ended: ${this.wrong}`)
        if (this.last !== undefined && is(this.last)) return true
        throw new Error(`it has ${JSON.stringify(this.last)}; ${this.wrong}`)
      },
      120_000
    )
  }
  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL")
  }
}

let server: Server
let apps: ReadonlyArray<App> = []
const inProcess = () => apps.filter(({ name }) => name.endsWith("in process"))

const put = async (flag: string, value: unknown) => {
  const { status, body } = await server.call("PUT", `/v1/flags/${flag}?environment=production`, { value })
  assert.strictEqual(status, 200, JSON.stringify(body))
}
const flag = (value: unknown, more: object = {}) => ({
  ...{ state: "ENABLED", variants: { a: value }, defaultVariant: "a" },
  ...more
})

beforeAll(async () => {
  const [go, py, classes] = [await goFlags(), await python("flags-python"), await javaFlags()]
  server = await startServer({ FLAGS_ANONYMOUS: "production" })
  await put("new-checkout", {
    ...{ state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off" },
    targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
  })
  await put("text", flag("before"))
  await put("whole", flag(3))
  await put("half", flag(0.5))
  await put("object", flag({ list: [1, "x", null] }))
  await put("dark", flag(false, { state: "DISABLED" }))
  await put("open", flag(false, { defaultVariant: null }))
  const [host = "", port = ""] = server.grpc.split(":")
  const said = {
    ...{ FLAGD_HOST: host, FLAGD_PORT: port, HERALD_HTTP: server.http, HERALD_TOKEN: server.token },
    ...{ FLAGD_SOURCE_SELECTOR: server.token, FLAGD_DEFAULT_AUTHORITY: `${server.token}.flags` },
    // Only when to give up: a machine that is starved takes longer than the half second that they have for a call.
    ...{ FLAGD_DEADLINE_MS: "30000", FLAGD_RETRY_BACKOFF_MS: "100", FLAGD_RETRY_BACKOFF_MAX_MS: "500" },
    FLAGD_MAX_EVENT_STREAM_RETRIES: "1000"
  }
  const asking = { ...said, FLAGD_RESOLVER: "rpc" }
  const holding = { ...said, FLAGD_RESOLVER: "in-process" }
  const probe = guest("flags-python", "probe.py")
  const java = ["java", "-XX:TieredStopAtLevel=1", "-cp", classes, "Probe"] as const
  const node = [process.execPath, guest("flags-node", "probe.ts")] as const
  apps = [
    new App("Go, asking", [go], { ...asking, FLAGD_HOST: `herald:${server.token}@${host}` }),
    new App("Go, in process", [go], holding),
    new App("Python, asking", [py, probe, "app"], { ...asking, FLAGD_DEADLINE_MS: "3000" }),
    new App("Python, in process", [py, probe, "app"], holding),
    new App("Python, by OFREP", [py, probe, "ofrep"], said),
    // Their caches know no types.
    new App("Java, asking", [...java], { ...asking, FLAGD_CACHE: "disabled" }),
    new App("Java, in process", [...java], holding),
    new App("TypeScript, asking", [...node], { ...asking, FLAGD_CACHE: "disabled" }),
    new App("TypeScript, in process", [...node], holding),
    new App("TypeScript, by OFREP", [...node, "./ofrep.ts"], said),
    new App("a page", [process.execPath, guest("flags-node", "web-probe.ts"), host, port], {})
  ]
})
afterAll(async () => {
  for (const app of apps) app[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})

/**
 * What providers make of a flag that is disabled, where it is not the caller's own with the reason DISABLED: Go's that evaluates itself and those of the
 * first version take the zero; those for OFREP want a value or a variant, where the protocol has none; Java's that evaluates itself finds no flag.
 */
const ofDisabled: Readonly<Record<string, readonly [value: boolean, reason: string]>> = {
  "Go, in process": [false, "DISABLED"],
  "Java, asking": [false, "DISABLED"],
  "a page": [false, "DISABLED"],
  "Java, in process": [true, "ERROR"],
  "Python, by OFREP": [true, "ERROR"],
  "TypeScript, by OFREP": [true, "ERROR"]
}

describe("applications with OpenFeature", () => {
  it("CJ5, FP1, FP7, FX1, OF1 have the same flags in every language", async () => {
    for (const app of apps) {
      await app.met("its flags", ({ text }) => text?.[0] === "before")
      const { checkout, ...flags } = app.last!
      const values = Object.fromEntries(Object.entries(flags).map(([key, [value]]) => [key, value]))
      const [value, reason] = ofDisabled[app.name] ?? [true, "DISABLED"]
      assert.deepStrictEqual(checkout, [true, false], app.name)
      assert.deepStrictEqual(
        values,
        {
          ...{ text: "before", whole: 3, half: 0.5, object: { list: [1, "x", null] } },
          ...{ dark: value, open: true, gone: true, wrong: "own" }
        },
        app.name
      )
      const { dark, gone, wrong, text } = app.last!
      assert.deepStrictEqual([dark![2], gone![3], wrong![3]], [reason, "FLAG_NOT_FOUND", "TYPE_MISMATCH"], app.name)
      assert.deepStrictEqual(text!.slice(1, 3), ["a", "STATIC"], app.name)
    }
  })

  it("FT1, FP6 hear of a change, and of no other environment's", async () => {
    const before = apps.map(({ events }) => events)
    await server.call("PUT", "/v1/flags/text?environment=staging", { body: { value: flag("elsewhere") } })
    await put("text", flag("after"))
    for (const app of apps) {
      await app.met("the change", ({ text }) => text?.[0] === "after")
      assert.notInclude(JSON.stringify(app.seen), "elsewhere", app.name)
    }
    for (const [i, app] of apps.entries())
      if (!app.name.includes("OFREP")) await waitUntil(`${app.name} to be told`, () => app.events > before[i]!)
  })

  it("FP4, FP8 those that evaluate by themselves keep their flags while the server is gone, and all are current again", async () => {
    await server.end("SIGTERM")
    await apps[0]!.met("that the server is gone", ({ half }) => half?.[0] === 7)
    for (const app of inProcess())
      assert.deepStrictEqual([app.last!["half"]![0], app.last!.checkout], [0.5, [true, false]])
    await server.start()
    await put("text", flag("again"))
    for (const app of apps)
      await app.met(
        "the flags of the server that is back",
        ({ text, half }) => text?.[0] === "again" && half?.[0] === 0.5
      )
  })

  it("FP4 and so it is when it dies and has another value when it is back", async () => {
    await server.end("SIGKILL")
    for (const app of inProcess()) assert.strictEqual(app.last!["text"]![0], "again", app.name)
    await server.start()
    await put("text", flag("at last"))
    for (const app of apps) await app.met("the newest", ({ text }) => text?.[0] === "at last")
  })
})
