import { assert, describe, it } from "@effect/vitest"
import {
  bracketed,
  countedAs,
  dialable,
  formatAddress,
  isLoopback,
  parseAddress,
  parseHost
} from "../../src/net/Address.ts"

describe("host:port", () => {
  const good: ReadonlyArray<readonly [string, string, number]> = [
    ["127.0.0.1:50051", "127.0.0.1", 50_051],
    ["herald:1", "herald", 1],
    ["herald.svc.cluster.local.:65535", "herald.svc.cluster.local.", 65_535],
    ["my_host-1:80", "my_host-1", 80],
    ["[::1]:50051", "::1", 50_051],
    ["[fe80::1%eth0]:9092", "fe80::1%eth0", 9_092],
    ["[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1]
  ]
  for (const [text, host, port] of good) {
    it(`HP1: ${text} is read and written the same way`, () => {
      const parsed = parseAddress(text)
      assert.deepStrictEqual(parsed, { host, port })
      assert.strictEqual("host" in parsed ? formatAddress(parsed) : "", text)
    })
  }

  const bad: ReadonlyArray<readonly [string, RegExp]> = [
    ["", /empty/],
    ["127.0.0.1", /no port. Write 127\.0\.0\.1:50051/],
    ["herald", /no port/],
    ["[::1]", /no port. Write \[::1\]:50051/],
    ["::1", /IPv6 address without a port. Write \[::1\]:port/],
    ["::1:50051", /in brackets: \[::1\]/],
    ["http://127.0.0.1:50051", /URL/],
    ["https://herald", /URL/],
    ["dns:///herald:1", /URL/],
    ["herald:50051/", /slash/],
    ["user@herald:1", /sign/],
    ["her ald:1", /space/],
    ["herald:0", /port 0/],
    ["herald:65536", /port 65536/],
    ["herald:", /no address/],
    [":50051", /no address/],
    ["[herald]:1", /no address/],
    ["[::1:1", /no address/],
    ["256.1.1.1:1", /no address/],
    ["1.2.3:1", /no address/],
    ["-a:1", /no address/],
    ["a..b:1", /no address/],
    [`${"a".repeat(64)}:1`, /no address/],
    ["[::1%et h]:1", /space/],
    ["[1::2::3]:1", /no address/]
  ]
  for (const [text, why] of bad) {
    it(`HP2: ${JSON.stringify(text)} is refused with what to write`, () => {
      const parsed = parseAddress(text)
      assert.match("wrong" in parsed ? parsed.wrong : "accepted", why)
    })
  }
})

describe("hosts", () => {
  it("HP1: are the same with and without brackets", () => {
    assert.deepStrictEqual(["::1", "[::1]", "0.0.0.0", "::", "[::]", "localhost", "fe80::1%eth0"].map(parseHost), [
      "::1",
      "::1",
      "0.0.0.0",
      "::",
      "::",
      "localhost",
      "fe80::1%eth0"
    ])
    assert.deepStrictEqual(["::1", "127.0.0.1", "a"].map(bracketed), ["[::1]", "127.0.0.1", "a"])
  })

  it("HP2: with a port, a scheme or nonsense are refused", () => {
    const why = (text: string) => {
      const parsed = parseHost(text)
      return typeof parsed === "string" ? "accepted" : parsed.wrong
    }
    assert.match(why("127.0.0.1:80"), /has a port/)
    assert.match(why("[::1]:80"), /has a port/)
    assert.match(why("http://a"), /URL/)
    assert.match(why("[a]"), /brackets/)
    for (const text of ["", "a b", "1.2.3.400", "::g", "*"]) assert.notStrictEqual(why(text), "accepted", text)
  })

  it("HP3: a wildcard is announced as loopback", () => {
    assert.deepStrictEqual(["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::1", "10.0.0.1", "herald"].map(dialable), [
      "127.0.0.1",
      "::1",
      "::1",
      "::1",
      "10.0.0.1",
      "herald"
    ])
  })

  it("loopback is this machine in each of its spellings, and nothing else", () => {
    for (const host of [
      "127.0.0.1",
      "127.9.9.9",
      "localhost",
      "LOCALHOST",
      "localhost.",
      "::1",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1"
    ]) {
      assert.isTrue(isLoopback(host), host)
    }
    for (const host of [
      "128.0.0.1",
      "localhost.evil",
      "127.0.0.1.evil",
      "::2",
      "::ffff:128.0.0.1",
      "herald",
      "0.0.0.0"
    ]) {
      assert.isFalse(isLoopback(host), host)
    }
  })

  it("HP4 addresses of one /64 count as one, however they are written, and those of two do not", () => {
    for (const [address, net] of [
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
      ["2001:0DB8:0001:0002:0000:0:0:9%eth0", "2001:db8:1:2::/64"],
      ["2001:db8::1", "2001:db8:0:0::/64"],
      ["2001:db8::3:4:5:6:7", "2001:db8:0:3::/64"],
      ["::1", "0:0:0:0::/64"],
      ["::2:3:4:5:6:7", "0:0:2:3::/64"],
      ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
      ["1::", "1:0:0:0::/64"],
      ["192.0.2.1", "192.0.2.1"],
      ["unknown", "unknown"]
    ] as const)
      assert.strictEqual(countedAs(address), net, address)
  })
})
