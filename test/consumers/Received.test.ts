import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { written } from "../../src/consumers/DeadLetters.ts"
import { MAX_BODY, type Received, read } from "../../src/consumers/Received.ts"
import { clientEvent, eventsOf } from "../../src/outbox/Event.ts"
import { configuration } from "../support/Configuration.ts"
import { known } from "../support/Twins.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const received = (body: string | Uint8Array | null, headers: Record<string, string> = { ce_id: "1" }): Received => ({
  partition: 3,
  offset: "7",
  at: 0,
  key: bytes("svc"),
  body: typeof body === "string" ? bytes(body) : body,
  headers
})
const reasonOf = (message: Received) => {
  const result = read(message)
  return Result.isFailure(result) ? result.failure.reason : "fit"
}

const client = clientEvent("n1/1", "n1", {
  type: "client_timeout",
  environment: "production",
  service: "svc",
  instance: "ü 1",
  reason: "SessionTimedOut",
  at: 5
})
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
const [commit] = eventsOf(known, {
  epoch: "e",
  revision: 12n,
  traceparent,
  actor: "ada",
  message: "why",
  committedAt: 5,
  changes: [configuration("svc.a", 12)]
})

describe("reading the topic", () => {
  it("RD1 what Herald publishes can be read", () => {
    for (const { id, body, headers, type } of [client, commit!]) {
      const arrived = Result.getOrThrow(read(received(body, headers)))
      assert.deepInclude(arrived, { id, replayed: undefined })
      assert.deepStrictEqual(arrived.event, JSON.parse(body))
      assert.strictEqual(arrived.traceparent, type === "config_update" ? traceparent : "")
    }
  })

  it("RD1 what is no event of Herald has a reason, whatever bytes it is made of", () => {
    const valid = JSON.parse(client.body)
    const altered = (fields: object) => received(JSON.stringify({ ...valid, ...fields }))
    for (const [message, reason] of [
      [received(null), "unreadable"],
      [received(""), "unreadable"],
      [received("null"), "unreadable"],
      [received('"text"'), "unreadable"],
      [received("{"), "unreadable"],
      [received("[".repeat(60_000)), "unreadable"],
      [received(new Uint8Array([0xff, 0xfe])), "unreadable"],
      [received(new Uint8Array(MAX_BODY + 1)), "too_large"],
      [received("[]"), "wrong_shape"],
      [received("{}"), "wrong_shape"],
      [altered({ event_type: "client_dance" }), "unknown_type"],
      [altered({ event_type: 1 }), "wrong_shape"],
      [altered({ environment: "../x" }), "wrong_shape"],
      [altered({ instance_id: "a\u0000" }), "wrong_shape"],
      [altered({ instance_id: "\ud800" }), "wrong_shape"],
      [altered({ instance_id: "x".repeat(200) }), "wrong_shape"],
      [altered({ timestamp: "yesterday" }), "wrong_shape"],
      [altered({ service_name: undefined }), "wrong_shape"],
      [received(client.body, {}), "wrong_shape"],
      [received(client.body, { ce_id: "with space" }), "wrong_shape"],
      [received(client.body, { ce_id: "x".repeat(513) }), "wrong_shape"],
      [received(client.body, { ce_id: "ü" }), "wrong_shape"],
      [altered({ more: 1 }), "fit"]
    ] as const)
      assert.strictEqual(reasonOf(message), reason, String(message.body === null ? null : message.body.slice(0, 200)))
  })

  it("RD2 a change of a kind that is not known is an event; what only looks like a type is none", () => {
    const valid = JSON.parse(commit!.body)
    const altered = (fields: object) => reasonOf(received(JSON.stringify({ ...valid, ...fields })))
    const told = { event_type: "segment_update", service_name: "", version: 0, value_type: "" }
    assert.strictEqual(altered(told), "fit")
    assert.strictEqual(altered({ ...told, version: -1 }), "wrong_shape")
    assert.strictEqual(altered({ ...told, event_type: "config_update" }), "wrong_shape")
    assert.strictEqual(altered({ ...told, key: "a\u001b" }), "wrong_shape")
    for (const event_type of ["_update", "Flag_update", "a b_update", `${"x".repeat(80)}_update`, "flag_updates"])
      assert.strictEqual(altered({ ...told, event_type }), "unknown_type", event_type)
  })

  it("RD1 any bytes and headers are told apart without a defect", () => {
    let seed = 1
    const next = () => (seed = (seed * 48_271) % 2_147_483_647)
    const text = client.body
    for (let i = 0; i < 2_000; i++) {
      const broken = bytes(text)
      for (let n = next() % 4; n >= 0; n--) broken[next() % broken.length] = next() % 256
      assert.isString(reasonOf(received(broken.subarray(next() % 3), { ce_id: String(i), traceparent: "\u0000" })))
    }
  })

  it("DL1 a letter carries the message and why, without what others put into headers", () => {
    const letter = written({
      received: received(client.body, { ...client.headers, dead_group: "other", "x-mine": "1", traceparent }),
      group: "audit",
      reason: "refused",
      why: "because",
      target: ""
    })
    assert.deepStrictEqual(letter.headers, {
      ...client.headers,
      traceparent,
      dead_group: "audit",
      dead_reason: "refused",
      dead_why: "because",
      dead_partition: "3",
      dead_offset: "7"
    })
    assert.deepStrictEqual(letter.body, bytes(client.body))
    // Put back, it is read as the same event, for its group alone.
    const again = Result.getOrThrow(read(received(client.body, letter.headers)))
    assert.deepInclude(again, { id: client.id, replayed: { group: "audit", target: "" } })
  })

  it("RD1 names with control characters are no names; the message of a publisher is as it was written", () => {
    for (const [made, fields] of [
      [client, ["service_name", "instance_id", "node", "reason"]],
      [commit!, ["service_name", "epoch", "digest"]]
    ] as const)
      for (const field of fields)
        for (const control of ["\u001b[31m", "a\r\nb", "\u009b1m", "\u007f"])
          assert.strictEqual(
            reasonOf(received(JSON.stringify({ ...JSON.parse(made.body), [field]: control }), made.headers)),
            "wrong_shape",
            `${field} ${JSON.stringify(control)}`
          )
    const message = "two\nlines\tand \u001b"
    assert.strictEqual(
      reasonOf(received(JSON.stringify({ ...JSON.parse(commit!.body), message }), commit!.headers)),
      "fit"
    )
  })
})
