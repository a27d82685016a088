/** docs/sql.md: where each SQL function and table has its newest definition, from schema/migrations. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../../schema/migrations", import.meta.url))

export interface Migration {
  readonly file: string
  readonly sql: string
}

export interface Defined {
  readonly name: string
  /** The migration of its newest definition. */
  readonly file: string
  /** What the comment above that says, up to its first full stop; "" without one. */
  readonly says: string
  /** Other migrations that define it, or alter it, in their order. */
  readonly others: ReadonlyArray<string>
}

const MADE =
  /^(?: *execute format\(\$\w*\$)?create (?:or replace )?function (\w+)\(([^)]*)|^ *create table (?:if not exists )?(\w+)/
const RENAMED = /^alter (?:function|table) (\w+)(?:\([^)]*\))? rename to (\w+)/
const DROPPED = /^drop function (\w+)\(([^)]*)\)|^drop table (\w+)/
const ALTERED = /^alter table (\w+)/

/** `a text, b bigint default 1` → `text,bigint`: a function is known by its name and these. */
const typesOf = (parameters: string): string =>
  parameters
    .split(",")
    .map((one) => one.trim().replace(/ default .*/, ""))
    .map((one) => one.replace(/^\w+ (?=\w)/, ""))
    .join(",")

interface Known extends Defined {
  readonly types: ReadonlySet<string>
}

const begin = (name: string): Known => ({ name, file: "", says: "", others: [], types: new Set() })

/** What there is when all have run. */
export const definedIn = (
  migrations: ReadonlyArray<Migration>
): Record<"functions" | "tables", ReadonlyArray<Defined>> => {
  const all = { functions: new Map<string, Known>(), tables: new Map<string, Known>() }
  const others = ({ file, others }: Known) => (file === "" ? [] : [...others.filter((other) => other !== file), file])
  for (const { file, sql } of migrations) {
    let comment: Array<string> = []
    for (const line of sql.split("\n")) {
      if (line.startsWith("--")) {
        comment.push(line.slice(2).trim())
        continue
      }
      const kind = / function /.test(` ${line}`) ? all.functions : all.tables
      const [, aFunction, parameters = "", aTable] = MADE.exec(line) ?? []
      const [, from, to] = RENAMED.exec(line) ?? []
      const [, noFunction, types = "", noTable] = DROPPED.exec(line) ?? []
      const [, altered] = ALTERED.exec(line) ?? []
      const made = aFunction ?? aTable
      const dropped = noFunction ?? noTable
      if (made !== undefined) {
        const before = kind.get(made) ?? begin(made)
        const says = /^.*?[.?](?= |$)/.exec(comment.join(" "))?.[0] ?? comment.join(" ")
        kind.set(made, {
          name: made,
          file,
          says,
          others: others(before),
          types: new Set(before.types).add(typesOf(parameters))
        })
      } else if (from !== undefined && kind.has(from)) {
        kind.set(to!, { ...kind.get(from)!, name: to! })
        kind.set(from, { ...kind.get(from)!, types: new Set() })
      } else if (dropped !== undefined && kind.has(dropped)) {
        const left = new Set(kind.get(dropped)!.types)
        left.delete(typesOf(types))
        kind.set(dropped, { ...kind.get(dropped)!, types: left })
      } else if (altered !== undefined && kind.has(altered)) {
        const before = kind.get(altered)!
        kind.set(altered, {
          ...before,
          others: [...new Set([...before.others, ...(before.file === file ? [] : [file])])]
        })
      }
      comment = []
    }
  }
  const live = (kind: ReadonlyMap<string, Known>) =>
    [...kind.values()].filter(({ types }) => types.size > 0).sort((a, b) => (a.name < b.name ? -1 : 1))
  return { functions: live(all.functions), tables: live(all.tables) }
}

export const migrations: ReadonlyArray<Migration> = readdirSync(folder)
  .filter((file) => /^\d+_.*\.sql$/.test(file))
  .sort()
  .map((file) => ({ file, sql: readFileSync(`${folder}/${file}`, "utf8") }))

const number = (file: string): string => file.slice(0, 4)
const cell = (text: string): string => text.replaceAll("|", "\\|")
const rowsOf = (all: ReadonlyArray<Defined>): ReadonlyArray<string> =>
  all.map(
    ({ name, file, says, others }) => `| \`${name}\` | \`${file}\` | ${others.map(number).join(" ")} | ${cell(says)} |`
  )

const { functions, tables } = definedIn(migrations)

export const sql = `${[
  "# SQL functions and tables",
  "",
  "Made by `npm run docs` from `schema/migrations`.",
  "",
  "A migration that was released is never edited: servers refuse a database whose migrations have another text (Z3). A function is changed by a",
  "copy of its newest definition, which is the one below, in a file with the next number, as `create or replace function`; a table by `alter",
  "table` there.",
  "",
  "## Functions",
  "",
  "| function | newest definition | older ones | |",
  "|---|---|---|---|",
  ...rowsOf(functions),
  "",
  "## Tables",
  "",
  "| table | made in | altered in, or older | |",
  "|---|---|---|---|",
  ...rowsOf(tables)
].join("\n")}\n`
