import { assert, describe, it } from "@effect/vitest"
import { OK } from "../../../src/edge/grpc/Status.ts"
import { hearOne } from "../../../src/edge/grpc/Unary.ts"
import { Call } from "./distribution/Calling.ts"

const said = (messages: number) => {
  const call = new Call()
  const heard: Array<Buffer> = []
  hearOne(call, (message) => {
    heard.push(message)
    call.end(OK)
  })
  for (let n = 0; n < messages; n++) call.say({ serviceName: `s${n}` })
  call.close()
  return { heard: heard.length, codes: call.errors.map(({ code }) => code), ended: call.ended }
}

describe("a call that takes one message", () => {
  it("G14 is answered for one, and refused for none or two", () => {
    assert.deepStrictEqual(said(1), { heard: 1, codes: [], ended: true })
    assert.deepStrictEqual(said(0), { heard: 0, codes: [12], ended: true })
    assert.deepStrictEqual(said(2), { heard: 0, codes: [12], ended: true })
  })

  it("G14 is not answered before its client has said all", () => {
    const call = new Call()
    let heard = 0
    hearOne(call, () => heard++)
    call.say({})
    assert.strictEqual(heard, 0)
    call.close()
    assert.strictEqual(heard, 1)
  })
})
