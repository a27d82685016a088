/** Finds which commit runs: a package has it in package.json (`commit`), an image in the file `commit`; in a clone git knows. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

const UNKNOWN = "unknown"

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return undefined
  }
}

const ofGit = (root: string): string | undefined => {
  const head = read(join(root, ".git/HEAD"))
  const [, ref] = /^ref: (.+)$/.exec(head ?? "") ?? []
  if (ref === undefined) return head
  const packed = () =>
    read(join(root, ".git/packed-refs"))
      ?.split("\n")
      .find((line) => line.endsWith(` ${ref}`))
      ?.split(" ")[0]
  return read(join(root, ".git", ref)) ?? packed()
}

/** `root`: where package.json stands. */
export const commitOf = (root: string, manifest: { readonly commit?: string }): string =>
  [manifest.commit, read(join(root, "commit")), ofGit(root)].find((one) => /^[0-9a-f]{7,64}$/.test(one ?? "")) ??
  UNKNOWN
