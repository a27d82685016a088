/**
 * docs/architecture.md: written by hand but for the table of rooms, which is made from the tree: each folder of src, what it holds, which others it
 * leans on. Every path that the page names must be there. Pure.
 */
import type { Tree } from "../../test/support/Tree.ts"

const BEGIN = "<!-- rooms: made by npm run docs; what a room holds is written here by hand -->"
const END = "<!-- /rooms -->"
/** They list every room, and lean on none. */
const LISTS = ["src/errors/Rows.ts", "src/settings/Groups.ts"]

const roomOf = (file: string): string | undefined => /^src\/([a-z]+)\//.exec(file)?.[1]

/** The rooms that each room imports from. */
export const leanings = (tree: Tree): ReadonlyMap<string, ReadonlySet<string>> => {
  const all = new Map<string, Set<string>>()
  for (const [file, text] of tree) {
    const room = roomOf(file)
    if (room === undefined || !file.endsWith(".ts")) continue
    const found = all.get(room) ?? new Set()
    all.set(room, found)
    if (LISTS.includes(file)) continue
    for (const [, to] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const other = roomOf(new URL(to!, `file:///${file}`).pathname.slice(1))
      if (other !== undefined && other !== room) found.add(other)
    }
  }
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** For a room that nobody wrote a row of: what its main file, or else its first, says of itself. */
const headerOf = (room: string, tree: Tree): string => {
  const own = [...tree].filter(([file]) => file.startsWith(`src/${room}/`))
  const main = own.find(([file]) => file.toLowerCase() === `src/${room}/${room}.ts`) ?? own[0]
  return (
    /^\/\*\*\s*(?:\* )?([^\n]*?)(?:\.(?: |\n|$)|\*\/|\n)/
      .exec(main?.[1] ?? "")?.[1]
      ?.trim()
      .replaceAll("|", "\\|") ?? ""
  )
}

const roomsOf = (page: string, tree: Tree): string => {
  const said = new Map(
    [...page.matchAll(/^\| `src\/([a-z]+)` \| (.*?) \|[^|]*\|$/gm)].map(([, room, it]) => [room, it])
  )
  const rows = [...leanings(tree)].map(
    ([room, others]) =>
      `| \`src/${room}\` | ${said.get(room) ?? headerOf(room, tree)} | ${[...others].sort().join(" ")} |`
  )
  return [BEGIN, "", "| room | holds | leans on |", "|---|---|---|", ...rows, "", END].join("\n")
}

/** `a/{B,C}.ts` are two. */
const spread = (path: string): ReadonlyArray<string> => {
  const [, before, names, after] = /^(.*?)\{([^}]*)\}(.*)$/.exec(path) ?? []
  return names === undefined ? [path] : names.split(",").flatMap((name) => spread(`${before}${name}${after}`))
}

const PATH = /`((?:src|layers|test|docs|schema|proto|bench|deploy|packages)\/[\w./{},-]*)`/g

/** Paths that a page names and that are not there. */
export const lost = (page: string, isThere: (path: string) => boolean): ReadonlyArray<string> =>
  [...page.matchAll(PATH)].flatMap(([, path]) => spread(path!)).filter((path) => !isThere(path))

/** As it is to be, and what is wrong with it that nobody but its writer can mend. */
export const architectureOf = (page: string, tree: Tree, isThere: (path: string) => boolean) => {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  const problems = lost(page, isThere).map((path) => `docs/architecture.md names ${path}, which is not there`)
  if (from < 0 || to < from)
    return { page, problems: [...problems, `docs/architecture.md has no place for its rooms: ${BEGIN}`] }
  return { page: `${page.slice(0, from)}${roomsOf(page, tree)}${page.slice(to + END.length)}`, problems }
}
