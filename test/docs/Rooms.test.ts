/** What the boundaries go by: imports, exports, roles and circles, on trees of a few files. */
import { assert, describe, it } from "vitest"
import { circlesOf, edgesOf, packageOf, rolesOf } from "../support/Rooms.ts"
import { exportsOf, importsOf } from "../support/Syntax.ts"

describe("imports of a file", () => {
  it("are all that it takes, hands on or loads while it runs, by paths from the root", () => {
    const source = `
      import { a, type B } from "./A.ts"
      import type { C } from "#layers/T/C.ts"
      import "node:fs"
      export { d } from "../b/D.ts"
      const e = () => import("effect/E")
      // import { f } from "./F.ts"
      const text = 'import { g } from "./G.ts"'
    `
    assert.deepStrictEqual(
      importsOf("src/a/X.ts", source).map(({ to, names, typeOnly }) => [to, names.join(), typeOnly]),
      [
        ["src/a/A.ts", "a", false],
        ["layers/T/C.ts", "", true],
        ["node:fs", "", false],
        ["src/b/D.ts", "d", false],
        ["effect/E", "*", false]
      ]
    )
  })

  it("are packages or paths", () => {
    assert.deepStrictEqual(
      ["node:fs/promises", "effect/Result", "@grpc/grpc-js", "src/a/A.ts", "package.json"].map(packageOf),
      ["node:", "effect", "@grpc/grpc-js", undefined, undefined]
    )
  })
})

it("exports of a file are what is there when it runs", () => {
  const source = `
    export interface A {}
    export type B = A
    export const layer = 1
    export { c as d, type E } from "./C.ts"
    export default layer
  `
  assert.deepStrictEqual(exportsOf("a.ts", source), ["layer", "d", "default"])
})

describe("the role of a file", () => {
  const roleOf = (files: Readonly<Record<string, string>>, file = "src/a/A.ts") => {
    const tree = new Map(Object.entries(files))
    return rolesOf(tree, edgesOf(tree)).get(file)
  }
  const port = 'import { Context } from "effect"\nexport class P extends Context.Service<P, {}>()("p") {}'

  it("is a port's, where it declares a service and builds none", () => {
    assert.strictEqual(roleOf({ "src/a/A.ts": port }), "port")
    const none = 'import { Context } from "effect"\nexport const P = Context.Reference("p", { defaultValue: () => 1 })'
    assert.strictEqual(roleOf({ "src/a/A.ts": `/** Port: what is wanted. */\n${none}` }), "port")
    assert.strictEqual(roleOf({ "src/a/A.ts": none }), "model")
  })

  it("is a service's, where it builds one, or does something with others", () => {
    const built = port.replace("{}\n", "").replace(/\{\}$/, "{ static readonly layer = Layer.succeed(P, {}) }")
    assert.strictEqual(roleOf({ "src/a/A.ts": built }), "service")
    assert.strictEqual(
      roleOf({ "src/a/A.ts": 'import { Effect } from "effect"\nexport const a = Effect.void' }),
      "service"
    )
    for (const names of ["{ P }", "type { P }"])
      assert.strictEqual(roleOf({ "src/a/A.ts": `import ${names} from "../b/P.ts"`, "src/b/P.ts": port }), "service")
    const over = { "src/a/A.ts": 'import "./B.ts"', "src/a/B.ts": 'import "../b/P.ts"', "src/b/P.ts": port }
    assert.strictEqual(roleOf(over), "service")
  })

  it("is a model's, where it does neither: data and types of Effect are none that run", () => {
    const data = 'import { Option, Schema, type Effect } from "effect"\nimport "./B.ts"'
    assert.strictEqual(roleOf({ "src/a/A.ts": data, "src/a/B.ts": 'import "./A.ts"' }), "model")
  })
})

it("circles are of rooms, over whatever way, and not of files of one", () => {
  const circles = (files: Readonly<Record<string, string>>) => circlesOf(edgesOf(new Map(Object.entries(files))))
  const line = {
    "src/a/A.ts": 'import "../b/B.ts"\nimport "./X.ts"',
    "src/a/X.ts": 'import "./A.ts"',
    "src/b/B.ts": ""
  }
  assert.deepStrictEqual(circles(line), [])
  assert.deepStrictEqual(
    circles({ ...line, "src/b/B.ts": 'import "../c/C.ts"', "src/c/C.ts": 'import type {} from "../a/X.ts"' }),
    ["a → b (src/a/A.ts → src/b/B.ts)", "b → c (src/b/B.ts → src/c/C.ts)", "c → a (src/c/C.ts → src/a/X.ts)"]
  )
})
