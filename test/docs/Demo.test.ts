import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { draw } from "../../docs/demo/Drawing.ts"

describe("the picture of the README", () => {
  it("is small, moves without a script, and names nothing of the machine that it was recorded on", () => {
    const svg = readFileSync(new URL("../../docs/demo/herald.svg", import.meta.url), "utf8")
    assert.isBelow(svg.length, 20_000)
    assert.notMatch(svg, /<script|href=|\/tmp\/|\/home\/|hrld_/)
    assert.include(svg, "published")
    assert.include(svg, "applied by")
    assert.match(readFileSync(new URL("../../README.md", import.meta.url), "utf8"), /\(docs\/demo\/herald\.svg\)/)
  })

  it("shows lines in their order and time, cuts pauses, and keeps what they say from being markup", () => {
    const line = (pane: "client" | "you", text: string, at: number) => ({ pane, text, at, typed: false })
    const svg = draw(
      [
        line("you", "<a> & \u001b[32mgreen\u001b[0m \u001b[2Kx", 0),
        line("client", "late", 60),
        line("you", "y".repeat(50), 61)
      ],
      { columns: 40, longestPause: 1 }
    )
    assert.include(svg, "&lt;a&gt; &amp; <tspan")
    assert.notInclude(svg, "\u001b")
    assert.include(svg, "@keyframes client0{0%,14.29%") // 1 s of 7
    assert.include(svg, `${"y".repeat(39)}…`)
  })
})
