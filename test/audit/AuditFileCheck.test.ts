import { assert, describe, it } from "@effect/vitest"
import { hashedOf, lineOfText, textOf } from "../../src/audit/AuditFile.ts"
import type { FileProblem } from "../../src/audit/AuditFileCheck.ts"
import { signedOf } from "../../src/audit/Checkpoint.ts"
import { digest } from "../../src/cli/verbs/access/AuditFiles.ts"
import { checked, checkpointOf, fileOf, logOf, signer } from "../support/AuditFiles.ts"

const key = signer()
const mallory = signer()
const log = logOf(8)
/** key, 1, 2, 3, c3, 4, 5, 6, 7, 8, c8: an entry is in the line after its number, and from the fourth in the one after that. */
const file = fileOf(log, key, [3, 8])
const lineOf = (entry: number) => entry + (entry > 3 ? 2 : 1)

const without = (...lines: ReadonlyArray<number>) => file.filter((_, at) => !lines.includes(at + 1))
const swapped = (a: number, b: number) =>
  file.map((line, at) => (at + 1 === a ? file[b - 1]! : at + 1 === b ? file[a - 1]! : line))
const changed = (line: number, change: (fields: Record<string, unknown>) => object) =>
  file.map((text, at) => (at + 1 === line ? JSON.stringify(change(JSON.parse(text))) : text))
/** With the hash that it has then: whoever knows the formula can do this. */
const rehashed = (fields: Record<string, unknown>) => ({ ...fields, hash: digest(hashedOf(fields as never)) })

describe("a file of an exported audit log", () => {
  it("AE3 AE4 is whole as it was written, by the public key alone", () => {
    assert.deepStrictEqual(checked(file, [key]), {
      problem: undefined,
      entries: 8,
      first: 1,
      last: 8,
      checked: 2,
      left: 0,
      strangers: [],
      newest: { entry: 8, at: 8_000, key: key.id }
    })
  })

  const wrong: ReadonlyArray<
    readonly [
      what: string,
      lines: ReadonlyArray<string | undefined>,
      kind: FileProblem["kind"],
      line: number,
      entry?: number
    ]
  > = [
    ["who did it", changed(lineOf(5), (e) => ({ ...e, performedBy: "eve" })), "changed", lineOf(5), 5],
    ["when", changed(lineOf(5), (e) => ({ ...e, createdMillis: 6 })), "changed", lineOf(5), 5],
    ["what was done", changed(lineOf(5), (e) => ({ ...e, action: "delete" })), "changed", lineOf(5), 5],
    ["where", changed(lineOf(5), (e) => ({ ...e, configId: "production/k4" })), "changed", lineOf(5), 5],
    ["what it tells", changed(lineOf(5), (e) => ({ ...e, details: '{"version":5}' })), "changed", lineOf(5), 5],
    ["what it follows", changed(lineOf(5), (e) => ({ ...e, prevHash: log[0]!.hash })), "changed", lineOf(5), 5],
    ["its hash", changed(lineOf(5), (e) => ({ ...e, hash: log[0]!.hash })), "changed", lineOf(5), 5],
    [
      "an entry with its hash",
      changed(lineOf(5), (e) => rehashed({ ...e, performedBy: "eve" })),
      "replaced",
      lineOf(5),
      5
    ],
    ["the last with its hash", changed(lineOf(8), (e) => rehashed({ ...e, performedBy: "eve" })), "rewritten", 11, 8],
    [
      "the first, which follows something",
      changed(lineOf(1), (e) => rehashed({ ...e, prevHash: log[0]!.hash })),
      "replaced",
      2,
      1
    ],
    ["an entry gone", without(lineOf(5)), "missing", lineOf(5), 5],
    ["several gone", without(lineOf(5), lineOf(6)), "missing", lineOf(5), 5],
    ["the first gone", without(lineOf(1)), "missing", 2, 1],
    ["one before a checkpoint gone", without(lineOf(3)), "missing", lineOf(3), 3],
    ["two that changed places", swapped(lineOf(5), lineOf(6)), "moved", lineOf(5), 5],
    ["two far apart that changed places", swapped(lineOf(1), lineOf(7)), "moved", lineOf(1), 1],
    ["an entry twice", [...file.slice(0, 8), file[7]!, ...file.slice(8)], "added", 9, 6],
    ["an entry of before put in", [...file.slice(0, 8), file[2]!, ...file.slice(8)], "added", 9, 2],
    [
      "an entry put in, and those behind it counted on",
      [
        ...file.slice(0, 6),
        textOf(rehashed({ ...JSON.parse(file[5]!), id: 5, prevHash: log[3]!.hash }) as never),
        ...file.slice(6).map((text) => {
          const fields = JSON.parse(text)
          return fields.type === "entry" ? JSON.stringify({ ...fields, id: fields.id + 1 }) : text
        })
      ],
      "changed",
      8,
      6
    ],
    ["the chain made anew", fileOf(logOf(8, { 5: "eve" }), key, [3]).concat(file[10]!), "rewritten", 11, 8],
    ["the end gone, and its checkpoint there", without(lineOf(7), lineOf(8)), "truncated", 9, 7],
    ["the end gone, and its checkpoint too", without(lineOf(8), 11), "unsigned", lineOf(4), 4],
    ["all behind the last checkpoint", [...file, textOf(JSON.parse(fileOf(logOf(9), key, [])[9]!))], "unsigned", 12, 9],
    ["everything gone", [file[0]!], "unsigned", 1],
    ["an empty file", [], "unsigned", 1],
    [
      "a checkpoint that another signed in this key's name",
      file.map((text, at) =>
        at === 10 ? textOf({ type: "checkpoint", line: checkpointOf(log, { ...mallory, id: key.id }, 8) }) : text
      ),
      "forged",
      11,
      8
    ],
    ["a checkpoint that says another time", file.map((text) => text.replace(" 8000 ", " 9000 ")), "forged", 11, 8],
    ["checkpoints of somebody's own key", fileOf(log, mallory, [3, 8]), "unsigned", 2, 1],
    ["a checkpoint elsewhere", swapped(5, 6), "moved", 6, 3],
    [
      "a key with another's name",
      [textOf({ type: "key", id: key.id, publicKey: mallory.publicKey }), ...file.slice(1)],
      "forged",
      1
    ],
    ["half a line", [...file.slice(0, 10), file[10]!.slice(0, 50)], "line", 11],
    ["a line that can't be read", [...file.slice(0, 4), undefined, ...file.slice(4)], "line", 5],
    ["an empty line", [...file.slice(0, 4), "", ...file.slice(4)], "line", 5]
  ]
  for (const [what, lines, kind, line, entry] of wrong)
    it(`AE3 AE4 finds ${what}`, () => {
      const { problem } = checked(lines, [key])

      assert.deepInclude(problem, { kind, line, entry })
    })

  it("AE2 a line has one spelling: what it says twice, or besides, is in no other way covered", () => {
    const entry = file[5]!
    assert.strictEqual(textOf(lineOfText(entry)!), entry)
    for (const text of [
      entry.replace('"action"', '"action":"delete","action"'),
      entry.replace(/}$/, ',"note":"x"}'),
      entry.replace('"type":"entry",', "").replace(/}$/, ',"type":"entry"}'),
      ` ${entry}`,
      `${entry}\r`,
      entry.replace('"id":4', '"id":4.0'),
      entry.replace('"id":4', '"id":"4"'),
      entry.replace('"id":4', '"id":-4'),
      entry.replace('"ann"', "null"),
      entry.replace('"ann"', '"\\u0061nn"'),
      '{"type":"toString"}',
      '{"type":"__proto__"}',
      "null",
      "[]"
    ]) {
      assert.notStrictEqual(text, entry)
      assert.isUndefined(lineOfText(text), text)
    }
  })

  it("AE5 a sign that stands between fields can't be moved, though the hash stays the same", () => {
    const moved: ReadonlyArray<readonly [before: object, after: object]> = [
      [
        { configId: "production/a", action: "publish", performedBy: "delete|bob" },
        { configId: "production/a|publish", action: "delete", performedBy: "bob" }
      ],
      [
        { configId: "production/web|publish|ann", action: "client.connect", performedBy: "client:web|publish|ann/1" },
        { configId: "production/web", action: "publish", performedBy: "ann|client.connect|client:web|publish|ann/1" }
      ],
      [
        { configId: "production/a", action: "publish", performedBy: "ann", details: '{"a":"|{"}' },
        { configId: "production/a", action: "publish", performedBy: 'ann|{"a":"', details: '{"}' }
      ]
    ]
    for (const [before, after] of moved) {
      const base = { ...JSON.parse(fileOf(logOf(1), key, [])[1]!) }
      const [a, b] = [
        { ...base, ...before },
        { ...base, ...after }
      ]
      assert.strictEqual(hashedOf(a), hashedOf(b))
      const verdict = (fields: Record<string, unknown>) => {
        const whole = rehashed(fields) as never as { hash: string }
        const lines = [
          textOf(whole as never),
          textOf({ type: "checkpoint", line: checkpointOf([{ id: 1n, hash: whole.hash } as never], key, 1) })
        ]
        return checked(lines, [key]).problem?.kind
      }
      assert.deepStrictEqual([verdict(a), verdict(b)], [undefined, "changed"])
    }
  })

  it("AC5 keys that were changed: each checkpoint counts by its own, and those of keys that are not given are left out and named", () => {
    const next = signer()
    const lines = [...fileOf(log.slice(0, 5), key, [3]), ...fileOf(log.slice(5), next, [8])]

    assert.deepInclude(checked(lines, [key, next]), { problem: undefined, checked: 2, left: 0 })
    assert.deepInclude(checked(lines, [next]), { problem: undefined, checked: 1, left: 1, strangers: [key.id] })
    assert.deepInclude(checked(lines, [key]).problem, { kind: "unsigned", entry: 4 })
  })

  it("AE4 what begins later on purpose is whole from there, and not otherwise", () => {
    const rest = file.slice(5)
    assert.deepInclude(checked(rest, [key], { after: 3 }), { problem: undefined, entries: 5, first: 4, last: 8 })
    assert.deepInclude(checked(file.slice(4), [key], { after: 3 }), { problem: undefined, checked: 2 })
    assert.deepInclude(checked(rest, [key]).problem, { kind: "missing", entry: 1, line: 1 })
    // What stands before it is known from its checkpoint.
    const [first, ...others] = rest
    const forged = JSON.stringify(rehashed({ ...JSON.parse(first!), prevHash: log[0]!.hash }))
    assert.deepInclude(checked([file[4]!, forged, ...others], [key], { after: 3 }).problem, {
      kind: "replaced",
      entry: 4
    })
  })

  it("AE3 a checkpoint from elsewhere shows an end that was cut with all that vouches for it, and a chain made anew", () => {
    const shown = signedOf(checkpointOf(log, key, 8))!
    const short = fileOf(log.slice(0, 3), key, [3])

    assert.isUndefined(checked(short, [key]).problem)
    assert.deepInclude(checked(short, [key], { shown }).problem, {
      kind: "truncated",
      entry: 4,
      line: short.length + 1
    })
    assert.isUndefined(checked(file, [key], { shown }).problem)
    assert.deepInclude(checked(fileOf(logOf(8, { 5: "eve" }), key, [8]), [key], { shown }).problem, {
      kind: "rewritten",
      entry: 8
    })
  })
})
