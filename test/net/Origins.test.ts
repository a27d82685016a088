import { assert, describe, it } from "vitest"
import { isOrigin, makeOrigins } from "../../src/net/Origins.ts"

const of = (...origins: ReadonlyArray<string>) => makeOrigins({ origins, methods: ["GET", "POST"], exposed: ["etag"] })

describe("Origins", () => {
  it("OX1 only pages of the origins that are named may read, never with cookies", () => {
    const some = of("https://a.example", "https://b.example:8443")

    assert.deepStrictEqual(some.answering("https://b.example:8443"), {
      vary: "Origin",
      "access-control-allow-origin": "https://b.example:8443",
      "access-control-expose-headers": "etag"
    })
    assert.deepStrictEqual(some.preflight("https://a.example", "content-type,if-none-match"), {
      vary: "Origin",
      "access-control-allow-origin": "https://a.example",
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type,if-none-match",
      "access-control-max-age": "86400"
    })
    for (const origin of ["https://a.example.evil", "http://a.example", "https://b.example", "null", ""]) {
      assert.deepStrictEqual(some.answering(origin), { vary: "Origin" }, origin)
      assert.isUndefined(some.preflight(origin, undefined), origin)
    }
    assert.deepStrictEqual(of().answering("https://a.example"), {})
    assert.isUndefined(of().preflight("https://a.example", undefined))
  })

  it("OX1 all origins where that is `*`, and a cache may keep one answer for all", () => {
    const all = of("*")

    assert.deepStrictEqual(all.answering("https://whoever.example"), {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "etag"
    })
    assert.strictEqual(all.preflight("null", undefined)?.["access-control-allow-origin"], "*")
  })

  it("OX1 names of headers that are none are not said again", () => {
    assert.notProperty(
      of("*").preflight("https://a.example", "a\r\nset-cookie: x") ?? {},
      "access-control-allow-headers"
    )
    assert.notProperty(of("*").preflight("https://a.example", "a".repeat(2_000)) ?? {}, "access-control-allow-headers")
  })

  it("OX2 whoever is no browser is told nothing of it", () => {
    assert.deepStrictEqual(of("*").answering(undefined), {})
    assert.isUndefined(of("*").preflight(undefined, undefined))
  })

  it("an origin is as a browser says it", () => {
    for (const good of ["https://app.example.com", "http://localhost:3000", "http://[::1]:80", "capacitor://localhost"])
      assert.isTrue(isOrigin(good), good)
    for (const bad of ["https://app.example.com/", "app.example.com", "https://*.example.com", "https://A.example", ""])
      assert.isFalse(isOrigin(bad), bad)
  })
})
