/**
 * Clients that nobody here wrote, of gRPC's other implementations, at a Herald in clear text and in TLS: health, reflection, unary calls, errors
 * with their details, deadlines, metadata that is long or bytes, and a subscription with a value larger than any window.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Flag, FrameReader, PREFACE, Type } from "../../layers/Grpc/lane/Frames.ts"
import { buckets } from "../../layers/Grpc/lane/Protections.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { Heralds, type Kind, kinds } from "./Heralds.ts"
import { goProgram, guest, javaClasses, python } from "./Tools.ts"

const described = (name: string) => fileURLToPath(new URL(`../../proto/generated/${name}.binpb`, import.meta.url))

let heralds: Heralds
let programs: { readonly go: string; readonly python: string; readonly java: string }
beforeAll(async () => {
  programs = { go: await goProgram("herald"), python: await python(), java: await javaClasses() }
  heralds = await Heralds.open()
})
afterAll(() => heralds?.[Symbol.asyncDispose]())

/** A program that says what it meets, line by line. */
const run = (
  kind: Kind,
  [program, ...args]: readonly [string, ...Array<string>],
  { port, more = [] }: { readonly port?: number; readonly more?: ReadonlyArray<string> } = {}
) => {
  const door = heralds.of(kind)
  const address = `localhost:${port ?? heralds.port(kind)}`
  const ca = kind === "TLS" ? heralds.certificates.ca : "-"
  const child = spawn(program, [...args, address, door.token, ca, described("herald"), ...more], {
    stdio: ["ignore", "pipe", "pipe"]
  })
  const facts: Array<readonly [string, unknown]> = []
  let wrong = ""
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { fact, value } = JSON.parse(line) as { readonly fact: string; readonly value: unknown }
    facts.push([fact, value])
  })
  child.stderr.on("data", (chunk) => (wrong += String(chunk)))
  const met = (what: string, is: (fact: string, value: unknown) => boolean) =>
    waitUntil(what, () => {
      if (child.exitCode !== null && child.exitCode !== 0)
        assert.fail(`it ended: ${wrong} after ${JSON.stringify(facts)}`)
      return facts.some(([fact, value]) => is(fact, value))
    })
  const ended = () => waitUntil(`its end: ${wrong}`, () => child.exitCode !== null)
  return { door, facts, met, ended, [Symbol.dispose]: () => void child.kill("SIGKILL"), wrong: () => wrong }
}

const isValue = (text: string) => (fact: string, value: unknown) =>
  fact === "value" && (value as [number, string])[1] === text

const LARGE = 900_000

const talk = async (kind: Kind, command: readonly [string, ...Array<string>], without: ReadonlyArray<string> = []) => {
  await heralds.of(kind).publish("guests", "before")
  using guest = run(kind, command, { more: [described("health")] })
  await guest.met("the snapshot", isValue("before"))
  await guest.door.publish("guests", "x".repeat(LARGE))
  await guest.met("a large value", isValue("x".repeat(20)))
  await guest.door.publish("guests", "end")
  await guest.ended()

  const message = (guest.facts.find(([fact]) => fact === "refused")?.[1] as { readonly message?: string })?.message
  assert.match(message ?? "", /^HRLD-1001 .*serviceName|^HRLD-1001 .*service/)
  assert.deepStrictEqual(guest.wrong(), "")
  assert.deepStrictEqual(
    guest.facts,
    (
      [
        ["health", "SERVING"],
        ["reflection", true],
        ["heartbeat", true],
        ["refused", { code: 3, herald: "HRLD-1001", message }],
        ["stranger", 16],
        ["unknown", 12],
        ["late", 4],
        ["value", [6, "before"]],
        ["value", [LARGE, "x".repeat(20)]],
        ["value", [3, "end"]],
        ["ended", 0]
      ] as const
    ).filter(([fact]) => !without.includes(fact))
  )
}

describe.each(kinds)("in %s, a Herald serves", (kind) => {
  it("grpc-go", () => talk(kind, [programs.go, "talk"]))
  it("grpcio of Python", () => talk(kind, [programs.python, guest("python", "herald.py")]))
  it("grpc-java", () => talk(kind, ["java", "-XX:TieredStopAtLevel=1", "-cp", programs.java, "Herald"]))
  it("connect-node", () => talk(kind, [process.execPath, guest("node", "herald.ts")], ["reflection", "unknown"]))
})

/** Counts those that a client sends of its own accord. */
class Pings {
  count = 0
  #preface = PREFACE.length
  readonly #frames = new FrameReader((type, flags) => {
    if (type === Type.PING && (flags & Flag.ACK) === 0) this.count++
  })

  saw(chunk: Buffer): false {
    const from = Math.min(this.#preface, chunk.length)
    this.#preface -= from
    this.#frames.push(chunk.subarray(from))
    return false
  }
}

describe("grpc-go's pings", () => {
  it("CC12 that estimate bandwidth, for each update of ten a second, cut nobody off", async () => {
    const door = heralds.of("clear text")
    await using proxy = new TcpProxy(heralds.port("clear text"))
    const pings = new Pings()
    proxy.cutAfter = (chunk) => pings.saw(chunk)
    await door.publish("guests", "before")
    using guest = run("clear text", [programs.go, "listen"], { port: await proxy.listen() })
    await guest.met("its stream", (fact) => fact === "live")
    const updates = 150
    for (let n = 1; n <= updates; n++) {
      await door.publish("guests", String(n))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await door.publish("guests", "end")
    await guest.ended()

    assert.deepStrictEqual(guest.wrong(), "")
    assert.deepStrictEqual(
      guest.facts.map(([fact]) => fact),
      ["live", "heard"]
    )
    assert.isAbove(pings.count, 2 * buckets.pings.bound) // it pings more than anyone may who was sent nothing
  })
})
