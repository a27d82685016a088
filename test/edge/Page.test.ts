/** Whom the certificate of a browser's user stands for. */
import { assert, describe, it } from "vitest"
import { isOfPage } from "../../src/edge/Page.ts"

describe("requests of pages", () => {
  it("YX1 are known by what a page can neither leave out nor set", () => {
    assert.isTrue(isOfPage({ origin: "https://evil.example" }))
    assert.isTrue(isOfPage({ origin: "null" }))
    assert.isTrue(isOfPage({ "sec-fetch-site": "cross-site" }))
    assert.isFalse(isOfPage({ "user-agent": "curl/8", "content-type": "application/json" }))
  })
})
