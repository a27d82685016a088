/**
 * A capability that is added as CONTRIBUTING.md says, and by nothing else, is seen by all that looks after the tree: in a copy of it, with the
 * files of test/example and the entry that the page shows.
 */
import { spawn } from "node:child_process"
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { newFolder } from "../support/folder.ts"
import { Server } from "../support/Server.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const EXAMPLE = join(root, "test/example")
const page = readFileSync(join(root, "CONTRIBUTING.md"), "utf8")

const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => !/^(node_modules|\.git)(\/|$)/.test(file) && statSync(join(folder, file)).isFile())
    .sort()

const migrations = readdirSync(join(root, "schema/migrations")).filter((file) => /^\d/.test(file))
const NUMBER = String(migrations.length + 1).padStart(4, "0")
/** Where it goes: a migration has the next number. */
const placeOf = (file: string) => file.replace("migrations/toys.sql", `migrations/${NUMBER}_toys.sql`)
const example = filesOf(EXAMPLE)

/** The page's blocks of code, by what they begin with. */
const blockOf = (beginning: string): string => {
  const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!.trim())
  const found = blocks.filter((code) => code.startsWith(beginning))
  assert.strictEqual(found.length, 1, `one block of CONTRIBUTING.md begins with ${beginning}`)
  return found[0]!
}

const folder = newFolder()
const copy = join(folder.path, "herald")
const textOf = (file: string) => readFileSync(join(copy, file), "utf8")
/** Not synchronously: a worker that is held up for a minute is taken for dead. */
const run = async (...command: ReadonlyArray<string>) => {
  const [program, ...args] = command
  const path = `${join(root, "node_modules/.bin")}:${process.env["PATH"]}`
  const child = spawn(program!, args, { cwd: copy, env: { ...process.env, PATH: path, NO_COLOR: "1" } })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += String(chunk)))
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { status, said }
}
const node = (...args: ReadonlyArray<string>) => run(process.execPath, ...args)
const tests = (...files: ReadonlyArray<string>) => run("vitest", "run", "--project", "unit", ...files)

/** While `use` runs, `file` of the copy says something else. */
const changed = async <A>(file: string, change: (text: string) => string, use: () => Promise<A>): Promise<A> => {
  const before = textOf(file)
  assert.notStrictEqual(change(before), before)
  writeFileSync(join(copy, file), change(before))
  try {
    return await use()
  } finally {
    writeFileSync(join(copy, file), before)
  }
}

beforeAll(async () => {
  const left = new Set(["node_modules", ".git", "dist", ".herald"].map((name) => join(root, name)))
  cpSync(root, copy, { recursive: true, filter: (from) => !left.has(from) })
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  cpSync(EXAMPLE, copy, { recursive: true })
  renameSync(join(copy, "schema/migrations/toys.sql"), join(copy, placeOf("schema/migrations/toys.sql")))
  const list = "src/node/Node.ts"
  const said = textOf(list)
  const entry = blockOf("{\n  services: ({ toys })")
  const entered = said
    .replace("\n/** What a capability adds", `\n${blockOf("import { toys }")}\n$&`)
    .replace("  { http: errors }\n", `  { http: errors },\n${entry}\n`)
  writeFileSync(join(copy, list), entered)
  const docs = await node("docs/all.ts")
  assert.strictEqual(docs.status, 0, docs.said)
})
afterAll(() => rmSync(folder.path, { recursive: true, force: true }))

describe("a new capability", () => {
  it("is the files that CONTRIBUTING.md names, an entry in Node.ts, and what npm run docs makes of them", () => {
    for (const file of example) assert.include(page, `\`${file}\``)
    const made = [
      "docs/errors.md",
      "docs/invariants/README.md",
      "docs/messages.md",
      "docs/settings.md",
      "docs/sql.md",
      "docs/architecture.md",
      "layers/Memory/Adapters.ts",
      "layers/Postgres/Adapters.ts",
      "schema/settings.schema.json",
      "src/errors/Rows.ts",
      "src/settings/Groups.ts"
    ]
    const before = new Map(filesOf(root).map((file) => [file, readFileSync(join(root, file), "utf8")]))
    const touched = filesOf(copy).filter((file) => before.get(file) !== textOf(file))
    const rest = touched.filter((file) => ![...example.map(placeOf), ...made, "src/node/Node.ts"].includes(file))

    assert.deepStrictEqual(rest, [])
  })

  it("compiles with everything else", async () => {
    const { status, said } = await run("tsc", "--noEmit")
    assert.strictEqual(status, 0, said)
  })

  it("is in the lists of errors, settings, invariants, adapters and SQL functions", () => {
    for (const [file, ...words] of [
      ["docs/errors.md", "HRLD-1999", "ToyTooLarge"],
      ["src/errors/Rows.ts", "../toys/Errors.ts"],
      ["docs/settings.md", "TOYS_LARGEST", "toys.largest"],
      ["schema/settings.schema.json", '"toys"'],
      ["src/settings/Groups.ts", "../toys/Settings.ts"],
      ["docs/invariants/README.md", "src/toys/Toys.ts", "TY2 a count is never larger than the settings allow"],
      ["layers/Memory/Adapters.ts", "ToyStore.layer"],
      ["layers/Postgres/Adapters.ts", "ToyStore.layer"],
      ["docs/architecture.md", "| `src/toys` | Use cases on counts"],
      ["docs/sql.md", `${NUMBER}_toys.sql`, "herald_toy_write"]
    ] as const)
      for (const word of words) assert.include(textOf(file), word, file)
  })

  it("keeps its own tests, those of the documents and the boundaries", async () => {
    const { status, said } = await tests("test/toys", "test/boundaries.test.ts", "test/docs.test.ts")
    assert.strictEqual(status, 0, said)
    assert.include(said, "test/toys/Toys.test.ts (5 tests)")
  })

  it("is guarded: what it may not import and what no test holds is told", async () => {
    for (const [file, to] of [
      ["src/toys/Toy.ts", "../edge/http/Http.ts"],
      ["src/toys/Toys.ts", "../../layers/Memory/toys/ToyStore.ts"],
      ["src/toys/ToyStore.ts", "node:fs"],
      ["src/toys/Errors.ts", "../keys/Key.ts"],
      ["layers/Memory/toys/ToyStore.ts", "../../Postgres/toys/ToyStore.ts"]
    ] as const) {
      const found = await changed(
        file,
        (text) => `import "${to}"\n${text}`,
        () => tests("test/boundaries.test.ts")
      )
      assert.notStrictEqual(found.status, 0, `${file} → ${to}`)
      assert.include(found.said, `${file} → `)
    }
    const unheld = await changed(
      "test/toys/Toys.test.ts",
      (text) => text.replace('"TY2 ', '"'),
      () => node("docs/all.ts", "--check")
    )
    assert.notStrictEqual(unheld.status, 0)
    assert.include(unheld.said, "TY2")
  })

  it("is served: routes, contract, errors and settings, on PostgreSQL", async () => {
    const command = [process.execPath, join(copy, "src/main.ts")]
    await using server = await new Server({ TOYS_LARGEST: "5" }, { command }).start()
    const count = (to: number) => server.call("PUT", "/v1/toys/svc?environment=production", { count: to })
    const counted = await count(2)
    const less = await count(1)
    const larger = await count(6)
    const found = await server.call("GET", "/v1/toys/svc?environment=production")
    const contract = await server.call("GET", "/openapi.json")
    const explained = await server.call("GET", "/v1/errors/HRLD-1999")

    assert.deepStrictEqual([counted.status, counted.body.count], [200, 2])
    assert.deepStrictEqual([less.status, less.body.code], [412, "HRLD-2002"])
    assert.deepStrictEqual([larger.status, larger.body.code], [422, "HRLD-1999"])
    assert.deepStrictEqual(found.body, counted.body)
    assert.strictEqual(contract.body.paths["/v1/toys/{key}"].put.summary, "Count")
    assert.strictEqual(explained.body.name, "ToyTooLarge")
  })
})
