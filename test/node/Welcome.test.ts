import { parseArgs } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { failure } from "../../src/errors/HeraldError.ts"
import { flags, help } from "../../src/node/Arguments.ts"
import { recovered, sorry, welcome } from "../../src/node/Welcome.ts"

const ready = {
  version: "1.2.3",
  http: "http://127.0.0.1:8080",
  grpc: "127.0.0.1:50051",
  folder: "/data",
  embedded: true,
  token: undefined,
  open: undefined
}

describe("what a person who starts a server reads", () => {
  it("where it is, each service of the gRPC door by its name, and the admin's token only where it was just made", () => {
    const first = welcome({ ...ready, token: "hrld_secret" })
    const later = welcome({ ...ready, embedded: false })

    for (const said of ["1.2.3", ready.http, ready.grpc, "herald.distribution.v1.DistributionService", "/data"])
      assert.include(later, said)
    assert.include(first, "/data/admin-token")
    assert.include(first, "hrld_secret")
    assert.include(first, "NOT for production")
    assert.notMatch(later, /token|embedded/)
    assert.include(later, "herald flag create")
    for (const line of later.split("\n")) assert.isAtMost(line.length, 110, line)
  })

  it("WM1 a token that was recovered is for a terminal; elsewhere only its file is named", () => {
    assert.include(recovered("/data/admin-token", "hrld_secret", true), "hrld_secret")
    assert.notInclude(recovered("/data/admin-token", "hrld_secret", false), "hrld_secret")
    assert.include(recovered("/data/admin-token", "hrld_secret", false), "/data/admin-token")
  })

  it("every flag that is taken is in the help", () => {
    for (const name of Object.keys(flags)) assert.include(help("1.2.3"), `--${name}`)
    assert.isTrue(parseArgs({ args: ["--recover-admin"], options: flags }).values["recover-admin"])
  })

  it("why it can't start, with what to do", () => {
    const said = sorry(failure("SettingsInvalid", "HTTP_PORT is wrong"))

    assert.match(said, /\(HRLD-4005\)\n {2}what {2}HTTP_PORT is wrong\n {2}why .+\n {2}fix .+/)
  })
})
