// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts as they stand in sources
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { messagesIn, messagesOf, wrongIn } from "../../docs/pages/messages.ts"
import { inOrder } from "../../src/errors/Catalogue.ts"
import { readTree } from "../support/Tree.ts"

const tree = readTree(fileURLToPath(new URL("../..", import.meta.url)), [".ts"])

describe("what people are told", () => {
  it("MS1 every text has the form of its kind", () => {
    assert.deepStrictEqual(messagesOf(tree).problems, [])
    for (const { code, title, cause, fix } of inOrder) {
      assert.match(title, /^[A-Z].*[^.:;!]$/, code)
      for (const text of [cause, fix]) assert.match(text, /^([A-Z`]|[a-z]+[A-Z]).*[.?!]$/s, code)
      for (const text of [title, cause, fix]) assert.notMatch(text, /HRLD-\d|\.\.|\. ?\.|;\s*[.;]/, code)
    }
  })

  it("MS1 a text that stands beside a code, within a sentence or behind a colon can't have what would be told twice", () => {
    for (const text of [
      "it broke.",
      "it  broke",
      "it broke: .",
      "it broke; ; so",
      "HRLD-4001 it broke",
      "It broke today",
      "it broke "
    ])
      assert.isDefined(wrongIn({ kind: "failure", text }), text)
    for (const text of [
      "it broke",
      "Redis is away: so it goes",
      "see http://127.0.0.1",
      "${key} in ${environment} is strict"
    ])
      assert.isUndefined(wrongIn({ kind: "failure", text }), text)
    for (const text of ["Correct it.", "See: herald --help", "Is it there?"])
      assert.isUndefined(wrongIn({ kind: "fix", text }), text)
    for (const text of ["correct it", "Correct it"]) assert.isDefined(wrongIn({ kind: "fix", text }), text)
  })

  it("MS1 the list has what is said by whatever way it is said", () => {
    const source = `
      failure("NotFound", there ? \`there is no \${key}\` : "there is none")
      new Conflict({ name: "VersionConflict", message: "it is another" })
      yield* notice("redis", { source: "x", began: "it begins", ended: "it is over" })
      Effect.logWarning("it waits", { reason })
      usage("--a is missing", "Give --a.")
      new CliFailure({ title: "Wrong", what: "it is wrong", fix: "Correct it." })`
    const found = messagesIn(new Map([["src/x.ts", source]])).map(
      ({ kind, under, text }) => `${kind} ${under}: ${text}`
    )
    assert.deepStrictEqual(found, [
      "failure NotFound: there is no ${key}",
      "failure NotFound: there is none",
      "failure VersionConflict: it is another",
      "log warn, redis: it begins",
      "log info, redis: it is over",
      "log warn: it waits",
      "failure usage: --a is missing",
      "fix usage: Give --a.",
      "title CLI: Wrong",
      "failure CLI: it is wrong",
      "fix CLI: Correct it."
    ])
  })
})
