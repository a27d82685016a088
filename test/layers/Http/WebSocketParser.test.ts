/** What clients send over WebSockets, right and wrong, in pieces of any size. */
import { assert, describe, it } from "@effect/vitest"
import { Parser, PIECES } from "../../../layers/Http/websocket/Parser.ts"
import { beginning, closeFrame, ending, textFrame } from "../../../src/edge/websocket/Frame.ts"
import { masked, text } from "./Masked.ts"

const heardOf = (bytes: Uint8Array, largest = 1_000, step = 1) => {
  const parser = new Parser(largest)
  const heard = []
  for (let at = 0; at < bytes.length; at += step) {
    parser.add(Buffer.from(bytes.subarray(at, at + step)))
    for (let next = parser.next(); next !== undefined; next = parser.next()) heard.push(next)
  }
  return { heard, parser }
}

describe("the parser", () => {
  it("YP1 reads what is right, however it is cut into pieces", () => {
    const bytes = Buffer.concat([
      text("hello"),
      text("a".repeat(200), { last: false }),
      masked(9, Buffer.from("ping")),
      masked(0, Buffer.from("ö")),
      text(""),
      masked(10, Buffer.alloc(0)),
      masked(8, closeFrame(1000, "").subarray(2))
    ])
    for (const step of [1, 2, 7, 64, 10_000]) {
      const { heard } = heardOf(bytes, 1_000, step)
      assert.deepStrictEqual(
        heard.map((one) => ("bytes" in one ? [one.is, one.bytes.toString()] : [one.is, one.code])),
        [
          ["message", "hello"],
          ["ping", "ping"],
          ["message", `${"a".repeat(200)}ö`],
          ["message", ""],
          ["pong", ""],
          ["close", 1000]
        ]
      )
    }
  })

  it.each([
    ["a frame that is not masked", textFrame("x"), 1002],
    ["a reserved bit", Buffer.concat([Buffer.from([0xc1, 0x80]), Buffer.alloc(4)]), 1002],
    ["an opcode that there is not", masked(3, Buffer.alloc(0)), 1002],
    ["a control frame that there is not", masked(11, Buffer.alloc(0)), 1002],
    ["a ping in pieces", masked(9, Buffer.alloc(0), { last: false }), 1002],
    ["a long ping", masked(9, Buffer.alloc(126)), 1002],
    ["a continuation of nothing", masked(0, Buffer.alloc(1)), 1002],
    ["a message within another", Buffer.concat([text("a", { last: false }), text("b")]), 1002],
    ["bytes", masked(2, Buffer.alloc(1)), 1003],
    ["no UTF-8", masked(1, Buffer.from([0xc3, 0x28])), 1007],
    ["too much", Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x98, 0x96, 0x80, 0, 0, 0, 0]), 1009],
    ["too much in pieces", Buffer.concat([text("a".repeat(600), { last: false }), masked(0, Buffer.alloc(600))]), 1009],
    ["a length that no number has", Buffer.from([0x81, 0xff, ...Array(8).fill(255), 0, 0, 0, 0]), 1009],
    ["a length in the long way", Buffer.from([0x81, 0xfe, 0, 1, 0, 0, 0, 0]), 1002],
    [
      "too many pieces",
      Buffer.concat([
        text("", { last: false }),
        ...Array.from({ length: PIECES + 1 }, () => masked(0, Buffer.alloc(0), { last: false }))
      ]),
      1008
    ],
    ["half a code", masked(8, Buffer.alloc(1)), 1002],
    ["a code that there is not", masked(8, Buffer.from([0x03, 0xed])), 1002]
  ])("YP1, YP2, YP3 ends for %s", (_, bytes, code) => {
    for (const step of [1, 10_000]) {
      const { heard, parser } = heardOf(Buffer.concat([bytes, text("behind")]), 1_000, step)
      const last = heard.at(-1)
      assert.deepInclude(last, { is: "wrong", code })
      assert.strictEqual(parser.bytes, 0)
    }
  })
})

describe("frames", () => {
  it("YF1 a message of two frames is one message", () => {
    const parser = new Parser(1_000_000)
    const [head, shared] = [beginning('{"id":"a",'), ending(`"x":"${"y".repeat(70_000)}"}`)]
    const unhead = head.subarray(2)
    const unshared = shared.subarray(10)
    parser.add(Buffer.concat([masked(1, unhead, { last: false }), masked(0, unshared)]))
    const heard = parser.next()
    assert.strictEqual(heard?.is === "message" && JSON.parse(heard.bytes.toString()).x.length, 70_000)
    assert.deepStrictEqual([head[0], shared[0], shared[1]], [0x01, 0x80, 127])
  })

  it("YF1 a reason is cut between two characters", () => {
    const close = closeFrame(4_400, "é".repeat(100))
    assert.isAtMost(close.length, 127)
    assert.notInclude(close.subarray(4).toString(), "\ufffd")
  })
})
