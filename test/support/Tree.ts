/** The files of a tree as text, by path from its root. Read once; what is found in them is pure (`Syntax.ts`). */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export type Tree = ReadonlyMap<string, string>

/** Folders that hold what was installed, generated or measured, and the example of CONTRIBUTING.md, which is of the tree only where it is put in. */
const NOT_WRITTEN = new Set(["node_modules", "dist", "generated", "results", "example"])
/** What `packages/build.ts` copies of the sources, to be shipped. */
const COPIES = new Set(["packages/client/src", "packages/client/proto"])

/** A capability as an example, with ids of its own: it is looked at where a test lays it over a tree. */
export const EXAMPLE = "test/example"

/** Files under `root` whose names end with one of `extensions`, in the order of their paths. */
export const readTree = (root: string, extensions: ReadonlyArray<string>): Tree => {
  const found: Array<readonly [string, string]> = []
  const under = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (entry.name.startsWith(".") || NOT_WRITTEN.has(entry.name)) continue
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (path === EXAMPLE) continue
      if (COPIES.has(path)) continue
      if (entry.isDirectory()) under(path)
      else if (extensions.some((extension) => path.endsWith(extension)))
        found.push([path, readFileSync(join(root, path), "utf8")])
    }
  }
  under("")
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}
