import { assert, describe, it } from "@effect/vitest"
import { sinceOf } from "../../../../layers/Postgres/commits/WriterMessages.ts"

describe("what was committed already", () => {
  const lost = (epoch: string, revision: bigint) => ({ known: { epoch, revision }, lost: true })

  it("X1 is looked for behind the lowest position that was known when it was sent, and only if an answer was lost", () => {
    assert.isNull(sinceOf([{ known: { epoch: "e", revision: 1n }, lost: false }]))
    assert.deepStrictEqual(sinceOf([lost("e", 7n), lost("e", 5n), { ...lost("e", 1n), lost: false }]), {
      epoch: "e",
      revision: "5"
    })
  })

  it("X1 PO1 is looked for everywhere when the positions are of different histories, or none was known", () => {
    const anywhere = { epoch: "", revision: "0" }
    assert.deepStrictEqual(sinceOf([lost("e", 7n), lost("f", 5n)]), anywhere)
    assert.deepStrictEqual(sinceOf([lost("e", 7n), { known: undefined, lost: true }]), anywhere)
  })
})
