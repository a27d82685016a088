import { assert, describe, it } from "@effect/vitest"
import { check } from "../../src/client/CheckedOptions.ts"
import { HeraldClient, OptionError } from "../../src/client/HeraldClient.ts"
import { FakeTransport } from "../support/FakeTransport.ts"

const base = { address: "herald:50051", service: "shop", instance: "i1" }
const refusal = async (options: unknown): Promise<OptionError> => {
  const error = await HeraldClient.connect(options as never).catch((e) => e)
  assert.instanceOf(error, OptionError)
  assert.strictEqual(error.code, "HRLD-1001")
  return error
}

describe("each of these is refused at once, with what is wrong", () => {
  const labels = (n: number, size = 1) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`l${i}`, "x".repeat(size)]))
  const cases: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["no options", undefined, /the options must be an object of address, service/],
    ["a text", "herald:1", /must be an object/],
    ["an address without a port", { ...base, address: "127.0.0.1" }, /address "127\.0\.0\.1" has no port/],
    ["a URL of something else", { ...base, address: "grpc://127.0.0.1:50051" }, /is a URL/],
    ["a URL with a query", { ...base, address: "https://herald.example.com?token=x" }, /is no URL such as/],
    ["a URL beside host:port", { ...base, address: ["a:1", "https://b"] }, /one kind/],
    ["a bare IPv6 address", { ...base, address: "::1" }, /Write \[::1\]:port/],
    ["one wrong of many", { ...base, address: ["a:1", "b"] }, /address "b" has no port/],
    ["no address", { service: "shop" }, /address is missing/],
    ["an empty list", { ...base, address: [] }, /at least one node/],
    ["an address that is none", { ...base, address: [7] }, /address is a number/],
    ["no service", { address: "a:1" }, /service is missing/],
    ["a service with a line break", { ...base, service: "a\nb" }, /control character/],
    ["half a character", { ...base, instance: "a\ud800" }, /well-formed/],
    ["a long instance", { ...base, instance: "x".repeat(129) }, /1 to 128/],
    ["an environment with a slash", { ...base, environment: "a/b" }, /letters, digits/],
    ["an empty environment", { ...base, environment: "" }, /environment is ""/],
    ["an unknown option", { ...base, tokn: "secret-secret" }, /^HRLD-1001: tokn is no option. They are address/],
    [
      "an unknown nested option",
      { ...base, reconnect: { base: 1 } },
      /reconnect\.base is no option. Those of reconnect are baseMillis/
    ],
    ["an unknown option of tls", { ...base, tls: { ca: "x" } }, /tls\.ca is no option/],
    ["an unknown option of lastKnownGood", { ...base, lastKnownGood: { dir: "x" } }, /lastKnownGood\.dir is no option/],
    ["lastKnownGood without a directory", { ...base, lastKnownGood: {} }, /lastKnownGood\.directory is missing/],
    [
      "lastKnownGood with labels that are no list",
      { ...base, lastKnownGood: { directory: "x", labels: "zone" } },
      /list of names/
    ],
    ["lastKnownGood true", { ...base, lastKnownGood: true }, /must be an object/],
    ["a bootstrap of both", { ...base, bootstrap: { file: "a", values: {} } }, /either file or values/],
    ["a bootstrap of nothing", { ...base, bootstrap: {} }, /either file or values/],
    ["a bootstrap that is a list", { ...base, bootstrap: { values: [] } }, /object of key to value/],
    ["a negative time", { ...base, heartbeatMillis: -1 }, /heartbeatMillis is -1/],
    ["a time of zero", { ...base, connectTimeoutMillis: 0 }, /above 0/],
    ["a time that is no number", { ...base, silenceMillis: "5s" }, /silenceMillis is "5s"/],
    ["a time that is too long for a timer", { ...base, hookTimeoutMillis: 2 ** 31 }, /at most 2147483647/],
    ["NaN", { ...base, reconnect: { capMillis: Number.NaN } }, /reconnect\.capMillis is NaN/],
    ["too many labels", { ...base, labels: labels(65) }, /at most 64/],
    ["a label that is no text", { ...base, labels: { n: 1 } }, /"n" is not a text/],
    ["a label that is too long", { ...base, labels: { n: "x".repeat(1_025) } }, /1 to 1024/],
    ["labels that are a list", { ...base, labels: [] }, /labels must be an object/],
    ["keys that are a text", { ...base, keys: "shop" }, /keys must be a list/],
    ["a pattern that is none", { ...base, keys: ["a*"] }, /keys holds "a\*"/],
    ["too many patterns", { ...base, keys: Array.from({ length: 257 }, (_, i) => `k${i}`) }, /at most 256/],
    ["a hook that is no function", { ...base, validate: true }, /validate is a boolean/],
    ["a logger that is no function", { ...base, logger: console }, /logger is a object/],
    ["waitForSync that is a text", { ...base, waitForSync: "yes" }, /neither true nor false/],
    ["defaults that are a list", { ...base, defaults: [] }, /defaults must be an object/],
    ["a proxy with https", { ...base, proxy: "https://user:hidden@proxy:1" }, /Write http:\/\/host:port/],
    ["a proxy that is no URL", { ...base, proxy: "proxy:3128" }, /Write http/],
    [
      "roots that are no PEM",
      { ...base, tls: { rootCertificates: "nonsense" } },
      /tls\.rootCertificates holds no certificate/
    ],
    [
      "roots that are damaged",
      { ...base, tls: { rootCertificates: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" } },
      /can't be read/
    ],
    [
      "a key that is none",
      { ...base, tls: { privateKey: "secretkeymaterial", certificateChain: "x" } },
      /tls\.certificateChain holds no certificate/
    ],
    ["roots that are a number", { ...base, tls: { rootCertificates: 7 } }, /is a number/]
  ]
  for (const [what, options, why] of cases) {
    it(`OP1 OP3: ${what}`, async () => {
      const { message } = await refusal(options)
      assert.match(message, why)
      assert.notMatch(message, /secretkeymaterial|hidden|secret-secret/)
    })
  }
})

it("OP1: nothing is opened for options that are wrong, and good ones are taken", async () => {
  const transport = new FakeTransport()
  await HeraldClient.connect({ ...base, heartbeatMillis: -1 }, { transport }).catch(() => {})
  assert.strictEqual(transport.streams.length, 0)
  const checked = check(
    { ...base, address: ["[::1]:1", "b:2"], labels: { empty: "" }, keys: ["a.*", "b/c:d"] },
    () => "i"
  )
  assert.deepStrictEqual(
    [checked.addresses, checked.labels, checked.patterns, checked.environment],
    [["[::1]:1", "b:2"], { empty: "" }, ["a.*", "b/c:d"], "production"]
  )
})

describe("BT1: a token that a header can't carry is refused without being shown", () => {
  const secret = "hrld_0123456789abcdef"
  const cases: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["a line break at its end", `${secret}\n`, /white space before or after.*Trim it/],
    ["a line break inside", `${secret}\r\nx-admin: 1`, /holds a space, a line break/],
    ["Bearer before it", `Bearer ${secret}`, /begins with "Bearer"/],
    ["a letter with an accent", `${secret}é`, /another character/],
    ["a NUL", `${secret}\0`, /another character/],
    ["10,000 characters", secret.repeat(500), /at most 8192/],
    ["a number", 7, /is a number/],
    ["an object", { secret }, /is a object/]
  ]
  for (const [what, token, why] of cases) {
    it(`a text with ${what}`, async () => {
      const { message } = await refusal({ ...base, token })
      assert.match(message, why)
      assert.notInclude(message, secret)
    })
  }
})
