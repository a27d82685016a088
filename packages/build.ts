/**
 * Makes what npm ships, from the sources that a clone runs unbuilt: `herald` in `dist`, the SDK in `packages/client/dist`. `npm pack` and
 * `npm publish` run it by `prepack`; `node packages/build.ts herald` does by hand. See docs/decisions/0017-two-packages.md.
 *
 *   PK1  `dist` is the tree again, compiled: whatever a file finds by a relative path, it finds there by the same one.
 *   PK2  A package declares everything that it imports. The client declares grpc-js and the engine of rules; OpenFeature's SDK is the
 *        application's own, and only what is for it imports it, or the engine.
 *   PK3  The client takes at most 3.2 MB of disk beside grpc-js, with the engine.
 *   PK4  Strict TypeScript takes the declarations, libraries checked; source maps hold their sources (generated code has none), and no .ts of ours is
 *        shipped.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { commitOf } from "../layers/Files/Commit.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const require = createRequire(import.meta.url)
const manifest = require("../package.json") as { readonly name: string; readonly version: string }

const filesOf = (folder: string, ends: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ends))
    .map((file) => join(folder, file))

const edit = (file: string, change: (text: string) => string): void => {
  const text = readFileSync(file, "utf8")
  const changed = change(text)
  if (changed !== text) writeFileSync(file, changed)
}

const run = (settings: string, dist: string, ...options: ReadonlyArray<string>): void => {
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc")
  const args = [tsc, "-p", join(root, settings), "--outDir", dist, ...options]
  execFileSync(process.execPath, args, { stdio: ["ignore", 2, 2] })
}

/** The files of `settings`, and all that they import. `bare`: code without comments, which declarations and sources in maps have still. */
const compile = (settings: string, dist: string, how: { readonly bare: boolean }): void => {
  rmSync(dist, { recursive: true, force: true })
  run(settings, dist)
  if (how.bare) run(settings, dist, "--removeComments", "--declaration", "false")
  // The compiler rewrites what code imports. What declarations import stays `.ts`, and so do modules that are started by their URL.
  for (const file of filesOf(dist, ".d.ts"))
    edit(file, (text) => text.replaceAll(/((?:from |import\()"\.[^"]*)\.ts"/g, '$1.js"'))
  for (const file of filesOf(dist, ".js")) {
    edit(file, (text) => text.replaceAll(/(new URL\("\.[^"]*)\.ts(", import\.meta\.url\))/g, "$1.js$2")) // of one length: maps still fit
  }
}

const herald = (): void => {
  const dist = join(root, "dist")
  compile("tsconfig.build.json", dist, { bare: false })
  for (const folder of ["schema", "proto"]) {
    cpSync(join(root, folder), join(dist, folder), {
      recursive: true,
      filter: (path) => !/\.ts$|buf(\.gen)?\.yaml$/.test(path)
    }) // PK1
  }
  const { name, version } = manifest
  const commit = commitOf(root, {})
  writeFileSync(join(dist, "package.json"), `${JSON.stringify({ name, version, commit, type: "module" }, null, 2)}\n`)
}

/**
 * Takes protobuf's reader and writer into `dist`: the package around them is 2.9 MB on disk, and loading it slows each start. Their licence
 * stands in their headers. PK3
 */
const takeWire = (dist: string): void => {
  const from = fileURLToPath(new URL("..", import.meta.resolve("@bufbuild/protobuf/wire")))
  const to = join(dist, "protobuf")
  const take = (file: string): void => {
    mkdirSync(dirname(join(to, file)), { recursive: true })
    for (const one of [file, file.replace(/\.js$/, ".d.ts")]) cpSync(join(from, one), join(to, one))
    for (const [, next] of readFileSync(join(from, file), "utf8").matchAll(/ from "(\.[^"]+)"/g)) {
      const imported = join(dirname(file), next!)
      if (!filesOf(to, ".js").includes(join(to, imported))) take(imported)
    }
  }
  const entry = "wire/binary-encoding.js"
  take(entry)
  for (const file of [...filesOf(dist, ".js"), ...filesOf(dist, ".d.ts")]) {
    const path = relative(dirname(file), join(to, entry)).replaceAll("\\", "/")
    edit(file, (text) => text.replaceAll('"@bufbuild/protobuf/wire"', `"${path}"`))
  }
}

/** Leaves the declarations that a user's compiler gets to from what the package exports: what is behind those is nobody's. PK3 */
const leaveDeclared = (folder: string, dist: string): void => {
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>
  }
  const reached = new Set<string>()
  const reach = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    const text = readFileSync(file, "utf8")
    for (const [, next] of text.matchAll(/(?:from |import\(|import )"(\.[^"]+)"/g))
      reach(join(dirname(file), next!.replace(/\.js$/, ".d.ts")))
  }
  for (const one of Object.values(exports)) if (typeof one !== "string") reach(join(folder, one.types))
  for (const file of filesOf(dist, ".d.ts")) if (!reached.has(file)) rmSync(file)
}

const client = (): void => {
  const folder = join(root, "packages/client")
  const dist = join(folder, "dist")
  compile("packages/client/tsconfig.json", dist, { bare: true }) // PK3
  takeWire(dist)
  leaveDeclared(folder, dist)
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"))
  // JSR takes sources, and none from outside of the package's folder.
  for (const name of ["src", "proto"]) rmSync(join(folder, name), { recursive: true, force: true })
  for (const map of filesOf(dist, ".js.map")) {
    const source = relative(dist, map).replace(/\.js\.map$/, ".ts")
    cpSync(join(root, source), join(folder, source))
    if (!source.startsWith("proto")) continue
    rmSync(map) // PK3: nobody steps through what was generated, and its map is twice as large as it
    edit(map.replace(/\.map$/, ""), (text) => text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"))
  }
}

const packages = { herald, client }
const wanted = process.argv.slice(2)
for (const name of wanted.length === 0 ? Object.keys(packages) : wanted) packages[name as keyof typeof packages]()
