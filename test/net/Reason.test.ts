import { assert, describe, it } from "vitest"
import { hinted, plainly, whyNotOpened } from "../../src/net/Reason.ts"

describe("what libraries say of a connection", () => {
  it("MS3 another protocol than was meant is told as that, beside what was said", () => {
    assert.strictEqual(
      hinted("Protocol error"),
      "Protocol error (what answers there speaks no gRPC: is it the REST port?)"
    )
    assert.include(hinted("0A00010B:SSL routines:tls_validate_record_header:wrong version number"), "speaks no TLS")
    assert.strictEqual(hinted("connect ECONNREFUSED 127.0.0.1:1"), "connect ECONNREFUSED 127.0.0.1:1")
  })

  it("MS2 nothing is left of the frames around it, and no code is told twice", () => {
    for (const [said, meant] of [
      [
        "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1 (2026-11-26T10:00:00.000Z). Resolution note: ",
        "connect ECONNREFUSED 127.0.0.1:1 (2026-11-26T10:00:00.000Z)"
      ],
      ["No connection established. Last error: null. Resolution note: ;", "null"],
      ["round_robin: No connection established. Last error: closed", "closed"],
      ["No addresses resolved. Resolution note: the name is unknown.", "the name is unknown"],
      ["HRLD-3001 this token is not known. Give one that is.", "this token is not known. Give one that is"],
      ["HRLD-3001: this token is not known", "this token is not known"],
      ["it says so; ", "it says so"],
      ["Error while dialing", "Error while dialing"]
    ] as const)
      assert.strictEqual(plainly(said), meant)
  })

  it("MS2 why a port can't be opened is said in words", () => {
    const taken = "listen EADDRINUSE: address already in use 127.0.0.1:8080"
    assert.strictEqual(whyNotOpened(taken), "another program has it (EADDRINUSE)")
    assert.strictEqual(
      whyNotOpened(`E No address added out of total 1 resolved errors: [${taken}]`),
      "another program has it (EADDRINUSE)"
    )
    assert.strictEqual(whyNotOpened("getaddrinfo ENOTFOUND nowhere"), "the name is unknown (ENOTFOUND)")
    assert.strictEqual(whyNotOpened("something else."), "something else")
  })
})
