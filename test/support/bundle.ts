/** What a bundler makes of the SDK for browsers, by what the package tells bundlers. */
import { readFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What the package tells bundlers to take in the place of files that are of Node, said of this tree's sources. */
const instead = () => {
  const { browser } = JSON.parse(readFileSync(join(root, "packages/client/package.json"), "utf8"))
  const sourceOf = (file: string) => join(root, file.replace("./dist/", "").replace(/\.js$/, ".ts"))
  return new Map(Object.entries(browser as Record<string, string>).map(([from, to]) => [sourceOf(from), sourceOf(to)]))
}

/** `modules`: files that it is made of. */
export const bundleOf = async (input: string, minify = false) => {
  const taken = instead()
  const bundle = await rolldown({
    input,
    platform: "browser",
    plugins: [
      {
        name: "browser field",
        resolveId: (id, from) =>
          id.startsWith(".") && from !== undefined ? taken.get(resolve(from, "..", id)) : undefined
      }
    ]
  })
  const [{ code, moduleIds }] = (await bundle.generate({ format: "esm", minify })).output
  return { code, modules: moduleIds.map((id) => relative(root, id)) }
}
