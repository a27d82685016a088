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

  const JWT = `eyJ${"hbGciOiJSUzI1NiJ9"}.eyJ${"zdWIiOiJhbm4ifQ"}.${"aB-_9".repeat(68)}`
  it("TU2 a token of an issuer is gone from wherever it stands, signed, encrypted or without a signature", () => {
    const [head, said] = JWT.split(".")
    for (const token of [JWT, `${head}.${said}.`, `${JWT}.${"c".repeat(40)}.${"d".repeat(22)}`])
      for (const [before, after] of [
        ["", ""],
        ["Bearer ", ", which ended"],
        ['{"token":"', '"}'],
        ["/v1/config?prefix=Bearer%20", "&limit=1"],
        ["(", ")"]
      ])
        assert.strictEqual(withoutTokens(`${before}${token}${after}`), `${before}jwt_redacted${after}`)
    assert.strictEqual(withoutSecrets(`/v1/keys/${JWT}?a=b`), "/v1/keys/jwt_redacted?a=b")
    for (const text of ["eyJ", "payments.eyJ.db", "some-thing.example.com", "v1.2.3", "eyJ.a.b"])
      assert.strictEqual(withoutTokens(text), text)
  })

  it("TU2 a JWT is gone from behind words with dots, from paths that are encoded, and of issuers that write their headers with spaces", () => {
    const parts = JWT.split(".")
    for (const before of ["session.", "https://cdn-host.", "values.production.", "my-cookie-name.a.", "a..", "x%2E"])
      assert.strictEqual(withoutTokens(`${before}${JWT}, b`), `${before}jwt_redacted, b`)
    for (const space of [" ", "\n", "\r\n", "\t", "  ", "\n  "]) {
      const head = Buffer.from(`{${space}"alg": "RS256", "kid": "a" }`).toString("base64url")
      const token = [head, ...parts.slice(1)].join(".")
      assert.strictEqual(withoutTokens(`a ${token} b`), "a jwt_redacted b", JSON.stringify(space))
    }
    for (const dot of ["%2E", "%2e", "%252E"])
      assert.strictEqual(withoutSecrets(`/v1/config/${parts.join(dot)}?a=b`), "/v1/config/jwt_redacted?a=b")
    for (const text of [
      "monkeybusiness-service.prod.example.com",
      "review-service.prod.svc",
      "a.b.eyJhbGciOiJSUzI1NiJ9"
    ])
      assert.strictEqual(withoutTokens(text), text)
  })

  it("TU2 no text costs more than its length", () => {
    const size = 200_000
    const texts = [
      "eyJ",
      "eyJ.",
      "eyJaaaa.aa",
      "eyJaaaa.",
      "a",
      "a.",
      "eyJaaaaa.a!",
      "eyJaaaaaaa ",
      "eyAi",
      "a.a.eyJ",
      "%25",
      "%25252e",
      "a.%2e",
      "ewog."
    ].map((one) => one.repeat(size / one.length))
    for (const text of texts) {
      const began = performance.now()
      withoutTokens(text)
      assert.isBelow(performance.now() - began, 500, text.slice(0, 12))
    }
  })
})
