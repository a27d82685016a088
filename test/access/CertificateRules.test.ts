import { assert, describe, it } from "@effect/vitest"
import { readCertificateRules, ruleFor } from "../../src/access/CertificateRules.ts"
import { nameProblem } from "../../src/access/Principal.ts"

const grant = { role: "subscriber", environments: ["production"] } as const
const fitting = (san: string, ...subjectAltNames: ReadonlyArray<string>) =>
  ruleFor([{ san, grant }], { subjectAltNames })?.principal

describe("CertificateRules", () => {
  it("XN1 a name fits whole, a beginning up to a slash, a host right below another; and nothing else", () => {
    const spiffe = "URI:spiffe://prod/payments/db"
    assert.strictEqual(fitting("spiffe://prod/payments/db", spiffe), "x509:spiffe://prod/payments/db")
    assert.strictEqual(fitting("spiffe://prod/payments/*", spiffe), "x509:spiffe://prod/payments/db")
    for (const [san, name] of [
      ["spiffe://prod/payments/*", "URI:spiffe://prod/payments"],
      ["spiffe://prod/payments/*", "URI:spiffe://prod/payments/"],
      ["spiffe://prod/payments/*", "URI:spiffe://prod/payments-2/db"],
      ["spiffe://prod/payments/*", "DNS:spiffe://prod/payments/db"],
      ["spiffe://prod/payments/db", "URI:spiffe://PROD/payments/db"],
      ["a.example.com", "URI:a.example.com"],
      ["a.example.com", "IP Address:a.example.com"],
      ["*.example.com", "DNS:example.com"],
      ["*.example.com", "DNS:a.b.example.com"],
      ["*.example.com", "DNS:.example.com.evil"],
      ["*.example.com", "DNS:*.example.com"],
      ["*.example.com", "DNS:a@b.example.com"]
    ] as const)
      assert.isUndefined(fitting(san, name), `${san} ${name}`)
    assert.strictEqual(fitting("a.example.com", "DNS:other", "DNS:a.example.com"), "x509:a.example.com")
  })

  it("XN1 the first rule that fits counts", () => {
    const rules = [
      { san: "spiffe://prod/payments/*", grant, name: "payments" },
      { san: "spiffe://prod/*", grant: { ...grant, role: "admin" } }
    ] as const
    const found = ruleFor(rules, { subjectAltNames: ["URI:spiffe://prod/payments/db"] })
    assert.strictEqual(found?.rule, rules[0])
    assert.strictEqual(found?.principal, "x509:payments")
  })

  it("XN2 no principal of a certificate is one of an API key", () => {
    assert.isDefined(nameProblem(fitting("a.example.com", "DNS:a.example.com")!))
    assert.isDefined(nameProblem("x509:payments"))
  })

  it("XN2 a host in capitals is the same principal as in small letters, and a path in capitals another one", () => {
    for (const name of ["A.example.com", "a.EXAMPLE.com"]) {
      assert.strictEqual(fitting("*.Example.com", `DNS:${name}`), "x509:a.example.com")
      assert.strictEqual(fitting("A.example.com", `DNS:${name}`), "x509:a.example.com")
    }
    assert.strictEqual(fitting("spiffe://prod/*", "URI:spiffe://prod/A"), "x509:spiffe://prod/A")
  })

  it("XN3 names with what has no place in them fit nothing", () => {
    for (const name of ["/../x", "/%2e%2e/x", "/..", "/./x", "/a b", "/a\nb", "/ä", `/${"a".repeat(200)}`])
      assert.isUndefined(fitting("spiffe://prod/*", `URI:spiffe://prod${name}`), name)
    assert.isDefined(fitting("spiffe://prod/*", "URI:spiffe://prod/..a"))
  })

  it("XN1 what is wrong with a rule is told by which one it is", () => {
    for (const [text, told] of [
      ["{", "not JSON"],
      ["{}", "a list"],
      ["[1]", "rule 1: it has to be an object"],
      [JSON.stringify([{ san: "*", grant }]), "rule 1: san"],
      [
        JSON.stringify([
          { san: "a", grant },
          { san: "spiffe://prod/pay*", grant }
        ]),
        "rule 2: san"
      ],
      [JSON.stringify([{ san: "spiffe://*", grant }]), "rule 1: san"],
      [JSON.stringify([{ san: "a", grant, nam: "x" }]), 'rule 1: there is no "nam"'],
      [JSON.stringify([{ san: "a", grant, name: "a:b" }]), "rule 1: name"],
      [JSON.stringify([{ san: "a", grant: { ...grant, role: "root" } }]), "role"],
      [JSON.stringify([{ san: "a", grant: { role: "admin", environments: [] } }]), "environments"],
      [JSON.stringify([{ san: "a", grant: { ...grant, keys: ["a*"] } }]), "keys"],
      [JSON.stringify([{ san: "a", grant: { ...grant, kinds: ["all"] } }]), "kinds"],
      [JSON.stringify([{ san: "a", grant: { ...grant, key: ["a"] } }]), "key"]
    ] as const) {
      const read = readCertificateRules(text)
      assert.isString(read, text)
      assert.include(read as string, told)
    }
    assert.lengthOf(
      readCertificateRules(JSON.stringify([{ san: "a", grant, name: "a b" }])) as ReadonlyArray<unknown>,
      1
    )
  })
})
