import { assert, describe, it } from "@effect/vitest"
import { withoutSecrets, withoutTokens } from "../../src/text/Secrets.ts"

const TOKEN = `hrld_${"0a".repeat(8)}_${"1b".repeat(32)}`

describe("Secrets", () => {
  it("TU1 parameters that are called like secrets, tokens anywhere, and users in front of a host are gone", () => {
    const cases = [
      ["/v1/config?environment=e&token=s3cret", "/v1/config?environment=e&token=redacted"],
      ["/v1/config?Access_Token=s3cret&limit=1", "/v1/config?Access_Token=redacted&limit=1"],
      [
        "/docs?api_key=a&apikey=b&password=c&sig=d",
        "/docs?api_key=redacted&apikey=redacted&password=redacted&sig=redacted"
      ],
      [`/v1/keys/${TOKEN}`, `/v1/keys/hrld_${"0a".repeat(8)}_redacted`],
      [
        `/v1/config?prefix=hrst_${"aB-_".repeat(40)}.${"1b".repeat(32)}&limit=1`,
        "/v1/config?prefix=hrst_redacted&limit=1"
      ],
      [`/v1/config?prefix=${TOKEN}`, `/v1/config?prefix=hrld_${"0a".repeat(8)}_redacted`],
      ["http://user:s3cret@herald:8080/livez?a=b", "/livez?a=b"],
      ["http://user:s3cret@herald", "/"]
    ]

    for (const [url, safe] of cases) assert.strictEqual(withoutSecrets(url!), safe)
  })

  it("TU1 everything else arrives as it was asked for", () => {
    for (const url of [
      "/",
      "*",
      "/v1/config/a%2Fb?environment=e&label=token=x",
      "/v1/config?prefix=tokens.a&limit=2",
      "/a?b=?c=d"
    ])
      assert.strictEqual(withoutSecrets(url), url)
  })

  it("TU2 a JWT is gone whole, and what only begins like one stays", () => {
    const jwt = `eyJhbGciOiJSUzI1NiJ9.${"aZ-_".repeat(40)}.${"b0".repeat(30)}`
    assert.strictEqual(withoutTokens(`a "${jwt}"; b=${jwt.slice(0, -60)}, c`), 'a "jwt_redacted"; b=jwt_redacted, c')
    for (const other of ["eyJ", "eyJhbGciOiJSUzI1NiJ9", "keyJob.a.b"]) assert.strictEqual(withoutTokens(other), other)
  })

  it("TU1 a line of the log has no token, but whose it was", () => {
    assert.strictEqual(withoutTokens(`with ${TOKEN}, twice ${TOKEN.toUpperCase()}`).match(/redacted/g)?.length, 2)
  })
})
