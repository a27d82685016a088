import { assert, describe, it } from "vitest"
import { nearby } from "../../src/text/Nearest.ts"

describe("Nearest", () => {
  it("NR1 what is near comes first, in any case of letters; what is far does not come at all", () => {
    const names = ["user-service", "user-servise", "User-Service2", "payments", "u"]

    assert.deepStrictEqual(nearby("user-servic", names), ["user-service", "user-servise", "User-Service2"])
    assert.deepStrictEqual(nearby("USER-SERVICE", names)[0], "user-service")
    assert.deepStrictEqual(nearby("orders", names), [])
    assert.deepStrictEqual(nearby("x".repeat(10_000), ["x".repeat(10_000)]), [])
  })
})
