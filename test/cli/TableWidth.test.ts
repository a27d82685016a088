import { assert, describe, it } from "@effect/vitest"
import { plain } from "../../src/cli/Paint.ts"
import { type Column, table } from "../../src/cli/Table.ts"

describe("a table that is too wide", () => {
  const letters = [
    {
      id: 7,
      event: "shop/orders:3:1795810339:42",
      at: "2026-11-27T20:27:00Z",
      why: "the event has no value for total"
    },
    { id: 8, event: "shop/orders:0:1795810339:1", at: "2026-11-27T20:28:00Z", why: "no" }
  ]
  type Letter = (typeof letters)[0]
  const letter: ReadonlyArray<Column<Letter>> = [
    { title: "ID", value: (row) => String(row.id), right: true },
    { title: "EVENT", value: (row) => row.event },
    { title: "AT", value: (row) => row.at, timed: true },
    { title: "WHY", value: (row) => row.why, text: 12 }
  ]

  it("KW1 where a table is too wide, times say their day once, and then free text is broken into lines", () => {
    assert.strictEqual(
      table(letters, letter, plain, 73),
      [
        "2026-11-27, UTC",
        "ID  EVENT                        AT     WHY",
        " 7  shop/orders:3:1795810339:42  20:27  the event has no value for total",
        " 8  shop/orders:0:1795810339:1   20:28  no"
      ].join("\n")
    )
    assert.strictEqual(
      table(letters, letter, plain, 60),
      [
        "2026-11-27, UTC",
        "ID  EVENT                        AT     WHY",
        " 7  shop/orders:3:1795810339:42  20:27  the event has no",
        "                                        value for total",
        " 8  shop/orders:0:1795810339:1   20:28  no"
      ].join("\n")
    )
  })

  it("KW1 times of several days stand in full, and text that has no room beside them stands below its row", () => {
    const other = letters.map((row, at) => ({ ...row, at: at === 0 ? row.at : "2026-11-28T00:00:00Z" }))
    assert.strictEqual(
      table(other, letter, plain, 55),
      [
        "ID  EVENT                        AT",
        " 7  shop/orders:3:1795810339:42  2026-11-27T20:27:00Z",
        "  the event has no value for total",
        " 8  shop/orders:0:1795810339:1   2026-11-28T00:00:00Z",
        "  no"
      ].join("\n")
    )
  })

  it("KW1 a table that does not fit at all becomes records, each value whole", () => {
    assert.strictEqual(
      table(letters, letter, plain, 30),
      [
        "id     7",
        "event  shop/orders:3:1795810339:42",
        "at     2026-11-27T20:27:00Z",
        "why    the event has no value for total",
        "",
        "id     8",
        "event  shop/orders:0:1795810339:1",
        "at     2026-11-27T20:28:00Z",
        "why    no"
      ].join("\n")
    )
  })

  it("KW1 at no width is a value cut", () => {
    for (let room = 10; room < 100; room++) {
      const words = table(letters, letter, plain, room).replace(/\s+/g, " ")
      assert.notInclude(words, "…")
      for (const { event } of letters) assert.include(words, event)
      for (const word of ["20:27", "20:28", "total", "value"]) assert.include(words, word)
    }
  })
})

describe("a table of two languages", () => {
  const rows = [
    { key: "a.very.long.key.of.a.team", why: "because of a reason that takes longer to tell than a line has room for" },
    { key: "b", why: "日本語の理由はとても長い".repeat(4) }
  ]
  const columns = [
    { title: "KEY", value: (row: (typeof rows)[number]) => row.key },
    { title: "WHY", value: (row: (typeof rows)[number]) => row.why, text: 24 }
  ]
  const cells = (text: string) => Array.from(text).reduce((sum, one) => sum + (one.charCodeAt(0) > 0x2e80 ? 2 : 1), 0)

  it("KW1 has no line longer than the terminal's, and each word of it", () => {
    for (const room of [27, 40, 60, 80]) {
      const drawn = table(rows, columns, undefined, room)
      for (const line of drawn.split("\n")) assert.isAtMost(cells(line), room, line)
      for (const { key, why } of rows)
        for (const part of [key, why]) assert.include(drawn.replace(/\s+/g, ""), part.replace(/\s+/g, ""))
    }
    assert.include(table(rows, columns), rows[1]!.why)
  })
})
