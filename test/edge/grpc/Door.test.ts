/** Bad input at the gRPC door: each case is refused with a reason, and a client beside it notices nothing. */
import { connect as connectTcp } from "node:net"
import { gzipSync } from "node:zlib"
import { BinaryWriter } from "@bufbuild/protobuf/wire"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  AckOutcome,
  HeartbeatRequest,
  SubscribeRequest
} from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { InstanceStore } from "../../../src/fleet/InstanceStore.ts"
import { Client, Door, frame, raw } from "../../support/Door.ts"

let door: Door
let beside: Client
beforeAll(async () => {
  door = await Door.open()
  beside = new Client(door, { serviceName: "beside", instanceId: "beside" })
})
afterAll(async () => {
  beside[Symbol.dispose]()
  await door.close()
})

const SERVICE = "herald.distribution.v1.DistributionService"
const who = HeartbeatRequest.fromPartial({ serviceName: "svc", instanceId: "i1" })
const encoded = HeartbeatRequest.encode(who).finish()
const withField = (write: (writer: BinaryWriter) => void) => {
  const writer = new BinaryWriter()
  write(writer)
  return writer.finish()
}

let n = 0
/** The client beside still gets what is published. */
const stillServes = async () => {
  const value = `still ${++n}`
  await door.publish("beside", value)
  await beside.has(value)
  assert.isUndefined(beside.status)
}

describe("frames and messages that are malformed", () => {
  const named = withField((w) =>
    w
      .uint32(10)
      .bytes(Buffer.from([0x61, 0xff, 0xfe]))
      .uint32(18)
      .string("i")
  )
  const text = withField((w) => w.uint32(10).string("svc").uint32(18).string("i").uint32(24).uint64(7))
  const cases: ReadonlyArray<readonly [string, Uint8Array, string]> = [
    ["bytes that are no protobuf", frame(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])), "3"],
    ["a field longer than its message", frame(Buffer.from([0x0a, 0x7f, 0x61])), "3"],
    ["a message cut off", frame(encoded, { length: 1_000 }), "12"],
    ["a length of 4 GiB", frame(encoded, { length: 0xffff_ffff }), "8"],
    ["no message at all", Buffer.alloc(0), "12"],
    ["two messages where one is due", Buffer.concat([frame(encoded), frame(encoded)]), "12"],
    ["an empty message", frame(Buffer.alloc(0)), "3"],
    ["a number where the name is due", frame(withField((w) => w.uint32(8).uint64(7))), "3"],
    ["a number where the environment is due, which is then not given", frame(text), "0"],
    ["invalid UTF-8 in a name", frame(named), "3"],
    ["fields that nobody knows", frame(Buffer.concat([encoded, withField((w) => w.uint32(794).string("new"))])), "0"]
  ]
  for (const [what, body, code] of cases) {
    it(`G1 ${what}`, async () => {
      const answer = await raw(door, `${SERVICE}/Heartbeat`, body)

      assert.strictEqual(answer.grpc, code, answer.message)
      if (answer.grpc === "3") assert.strictEqual(answer.code, "HRLD-1001", answer.message)
      await stillServes()
    })
  }

  it("D3 compressed requests are refused, whatever they hold, with the encoding that is taken", async () => {
    const headers = { "grpc-encoding": "gzip" }
    const bomb = gzipSync(Buffer.alloc(64 * 1_048_576))
    const garbage = await raw(door, `${SERVICE}/Heartbeat`, frame(encoded, { flag: 1 }), headers)
    const large = await raw(door, `${SERVICE}/Heartbeat`, frame(bomb, { flag: 1 }), headers)
    const unsaid = await raw(door, `${SERVICE}/Heartbeat`, frame(gzipSync(encoded), { flag: 1 }))

    assert.deepStrictEqual([garbage.grpc, large.grpc], ["12", "12"])
    assert.include(large.message, "identity")
    assert.include(["3", "13"], unsaid.grpc)
    await stillServes()
  })

  it("G1 a message over 256 KiB", async () => {
    const body = SubscribeRequest.encode(
      SubscribeRequest.fromPartial({ ...who, metadata: { big: "x".repeat(262_144) } })
    ).finish()
    const answer = await raw(door, `${SERVICE}/Subscribe`, frame(body))

    assert.strictEqual(answer.grpc, "8", answer.message)
    await stillServes()
  })

  it("G9 a stream whose second message is malformed ends, alone", async () => {
    const first = SubscribeRequest.encode(SubscribeRequest.fromPartial({ ...who, instanceId: "broken" })).finish()
    const body = Buffer.concat([frame(first), frame(Buffer.from([0xff, 0xff]))])
    const answer = await raw(door, `${SERVICE}/Subscribe`, body)

    assert.deepStrictEqual([answer.grpc, answer.code], ["3", "HRLD-1001"], answer.message)
    await stillServes()
  })

  it("a connection that speaks neither HTTP/2 nor HTTP/1.1 is closed", async () => {
    const [host, port] = door.address.split(":")
    await new Promise<void>((resolve) => {
      const socket = connectTcp(Number(port), host!, () => socket.write("SSH-2.0-OpenSSH_9.6\r\n\r\n"))
      socket.on("error", () => {})
      socket.on("close", () => resolve())
      socket.resume()
    })
    await stillServes()
  })

  it("an unknown method or service, another content type and another verb", async () => {
    const method = await raw(door, `${SERVICE}/Unsubscribe`, frame(encoded))
    const service = await raw(door, "herald.Nothing/At.all", frame(encoded))
    const json = await raw(door, `${SERVICE}/Heartbeat`, frame(encoded), { "content-type": "application/json" })
    const get = await raw(door, `${SERVICE}/Heartbeat`, Buffer.alloc(0), { ":method": "GET" })

    assert.deepStrictEqual([method.grpc, service.grpc, json.http], ["12", "12", 415])
    assert.notStrictEqual(get.grpc, "0")
    await stillServes()
  })
})

describe("a first message that breaks a rule is refused with its reason", () => {
  const label = (i: number) => [`l${i}`, "x"] as const
  const cases: ReadonlyArray<readonly [string, Partial<SubscribeRequest>, string, string]> = [
    ["no service", { serviceName: "" }, "HRLD-1001", "service_name is missing"],
    ["no instance", { instanceId: "" }, "HRLD-1001", "instance_id is missing"],
    ["a long service", { serviceName: "s".repeat(129) }, "HRLD-1001", "129 characters"],
    ["a service with control characters", { serviceName: "a\u0000b" }, "HRLD-1001", "control characters"],
    ["an instance with an escape", { instanceId: "\u001b[31m" }, "HRLD-1001", "control characters"],
    ["an odd environment", { environment: "pro duction" }, "HRLD-1001", "environment"],
    ["a pattern of 10,000 dots", { keys: [".".repeat(10_000)] }, "HRLD-1002", "not a key"],
    ["a pattern of 5,000 levels", { keys: [`${"a.".repeat(5_000)}*`] }, "HRLD-1002", "not a key"],
    ["a star in the middle", { keys: ["a.*.b"] }, "HRLD-1002", "not a key"],
    ["a key with control characters", { keys: ["a\nb"] }, "HRLD-1002", "not a key"],
    ["an empty key", { keys: [""] }, "HRLD-1002", "not a key"],
    ["257 patterns", { keys: Array.from({ length: 257 }, (_, i) => `k${i}`) }, "HRLD-1001", "257 patterns"],
    [
      "65 labels",
      { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => label(i))) },
      "HRLD-1001",
      "65 entries"
    ],
    ["a long label", { metadata: { a: "x".repeat(1_025) } }, "HRLD-1001", "1025 characters"],
    ["a label with NUL, which no database takes", { metadata: { a: "\u0000" } }, "HRLD-1001", "control characters"],
    [
      "10,001 held keys",
      {
        held: Array.from({ length: 10_001 }, (_, i) => ({
          key: `k${i}`,
          digest: "",
          revision: 0n,
          sha256: Buffer.alloc(0)
        }))
      },
      "HRLD-1001",
      "10001 entries"
    ]
  ]
  for (const [what, first, code, says] of cases) {
    it(`G1 ${what}`, async () => {
      using client = new Client(door, first)
      const { details, metadata, code: status } = await client.ended()

      assert.strictEqual(status, 3)
      assert.deepStrictEqual(metadata.get("herald-code"), [code])
      assert.include(details, `${code} `)
      assert.include(details, says)
      assert.isBelow(details.length, 500)
    })
  }

  it("G1 names that reach into prototypes are names like others", async () => {
    using client = new Client(door, {
      serviceName: "constructor",
      instanceId: "__proto__",
      keys: ["__proto__", "constructor.*"],
      metadata: JSON.parse('{"__proto__":"x","toString":"y"}')
    })
    await door.publish("__proto__", "harmless")

    await client.has("harmless")
    assert.isUndefined(({} as Record<string, unknown>)["x"])
  })

  it("what can't be right after the first message ends the stream: 10,001 acks", async () => {
    using client = new Client(door, { instanceId: "acks" })
    client.say({
      acks: Array.from({ length: 10_001 }, () => ({
        key: "a",
        revision: 1n,
        outcome: AckOutcome.ACK_OUTCOME_APPLIED,
        reason: "",
        epoch: ""
      }))
    })
    const { code, details } = await client.ended()

    assert.strictEqual(code, 3)
    assert.include(details, "10001 entries")
  })

  it("acks of what was never sent, and revisions that can't be, are ignored", async () => {
    using client = new Client(door, { instanceId: "odd acks", serviceName: "odd" })
    client.say({
      acks: [
        { key: "nothing", revision: 2n ** 64n - 1n, outcome: AckOutcome.ACK_OUTCOME_APPLIED, reason: "", epoch: "" },
        { key: "", revision: 0n, outcome: AckOutcome.ACK_OUTCOME_REJECTED, reason: "", epoch: "x".repeat(100) }
      ]
    })
    await door.publish("odd", "goes on")

    await client.has("goes on")
    assert.isUndefined(client.status)
  })
})

for (const outcome of [AckOutcome.ACK_OUTCOME_UNSPECIFIED, 99 as AckOutcome]) {
  it(`G1 an ack whose outcome is ${outcome} is no rejection: it is refused`, async () => {
    using client = new Client(door, { instanceId: "no outcome", serviceName: "outcome" })
    await door.publish("outcome", "v")
    await client.has("v")
    const { key, revision } = client.got.find((update) => update.key === "outcome")!
    client.say({ acks: [{ key, revision, outcome, reason: "", epoch: "" }] })
    const { code, details } = await client.ended()

    assert.strictEqual(code, 3)
    assert.include(details, "outcome")
    const [row] = await door.run(
      Effect.flatMap(InstanceStore, (store) => store.list({ service: "outcome", limit: 1, keys: 10 }))
    )
    assert.isUndefined(row?.keys[0]?.rejected)
  })
}
