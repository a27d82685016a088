import { assert, describe, it } from "@effect/vitest"
import { CLIENT_NAME_LENGTH, wrongLabel, wrongName } from "../../src/keys/ClientName.ts"
import { ENVIRONMENT_LENGTH, isEnvironment, wrongEnvironment } from "../../src/keys/Environment.ts"
import { isKey, KEY_LENGTH, wrongKey } from "../../src/keys/Key.ts"
import { targetProblem } from "../../src/keys/Target.ts"

describe("identifiers", () => {
  it("KY1 a key is taken or told what it must be", () => {
    for (const key of ["a", "_", "0", "shop.a-b/c:d_e", "a".repeat(KEY_LENGTH)]) assert.isTrue(isKey(key), key)
    for (const key of ["", ".a", "a.", "a b", "a\n", "a\u0000", "é", "a*", "a".repeat(KEY_LENGTH + 1)]) {
      assert.isFalse(isKey(key), key)
      assert.match(wrongKey(key)!, /^is not a key: 1 to 256 letters, digits and \. _ - \/ :/)
    }
  })

  it("EN1 an environment is taken or told what it must be", () => {
    for (const name of ["production", "eu-west_1.b", "e".repeat(ENVIRONMENT_LENGTH)]) assert.isTrue(isEnvironment(name))
    for (const name of ["", "-", "a/b", "a:b", "pro duction", "e".repeat(ENVIRONMENT_LENGTH + 1)]) {
      assert.match(wrongEnvironment(name)!, /^is not an environment: 1 to 50 letters, digits and \. _ -/)
    }
  })

  it("EN1 KY1 a request is told which of the two is wrong, in the words of its rule", () => {
    assert.isUndefined(targetProblem("production", "a.b"))
    assert.deepInclude(targetProblem("pro duction", "a b"), {
      name: "InvalidInput",
      message: `environment: "pro duction" ${wrongEnvironment("pro duction")}`
    })
    const long = targetProblem("production", " ".repeat(10_000))
    assert.strictEqual(long?.name, "InvalidKey")
    assert.isBelow(long!.message.length, 200)
  })

  it("CN1 names and labels are texts that every log can show", () => {
    assert.isUndefined(wrongName("läden 🛒".padEnd(CLIENT_NAME_LENGTH, "x")))
    const wrong = ["", "x".repeat(CLIENT_NAME_LENGTH + 1), "a\u0000", "a\u009b31m", "a\ud800", "a\ufffd"]
    assert.deepStrictEqual(
      wrong.map((name) => wrongName(name)),
      [
        "is missing",
        "has 129 characters: give 1 to 128",
        "holds control characters",
        "holds control characters",
        "is not well-formed Unicode",
        "is not valid UTF-8"
      ]
    )
    assert.isUndefined(wrongLabel("zone", ""))
    assert.isUndefined(wrongLabel("zone", "x".repeat(1_024)))
    assert.strictEqual(wrongLabel("", "x"), "has a name that is missing")
    assert.strictEqual(wrongLabel("zone", "x".repeat(1_025)), "zone has 1025 characters: give 1 to 1024")
    assert.strictEqual(wrongLabel("zone", "\u0085"), "zone holds control characters")
  })
})
