/** docs/errors.md and src/errors/Rows.ts, from the file `Errors.ts` of each folder in src. */
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { ErrorRow, ErrorRows } from "../../src/errors/Row.ts"

const src = fileURLToPath(new URL("../../src", import.meta.url))

const groups: ReadonlyArray<readonly [string, string]> = [
  ["1", "Bad input"],
  ["2", "State"],
  ["3", "Access"],
  ["4", "Dependencies"],
  ["5", "Sessions"],
  ["9", "Defects"]
]

const rooms = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => /^[a-z]+\/Errors\.ts$/.test(file))
  .map((file) => file.slice(0, -"/Errors.ts".length))
  .sort()

/** As `src/errors/Catalogue.ts` has them once `Rows.ts` is written: it may be old while this runs. */
export const inOrder: ReadonlyArray<ErrorRow & { readonly name: string; readonly room: string }> = (
  await Promise.all(
    rooms.map(async (room) => {
      const { errors } = (await import(`${src}/${room}/Errors.ts`)) as { readonly errors: ErrorRows }
      return Object.entries(errors).map(([name, row]) => ({ ...row, name, room }))
    })
  )
)
  .flat()
  .sort((a, b) => (a.code < b.code ? -1 : 1))

const twice = (of: "code" | "name") =>
  inOrder.flatMap((row) => {
    const first = inOrder.find((other) => other[of] === row[of])!
    return first === row ? [] : [`${row[of]} is in src/${first.room}/Errors.ts and in src/${row.room}/Errors.ts`]
  })

/** What two capabilities claim, which would hide one of them. */
export const clashes: ReadonlyArray<string> = [...twice("code"), ...twice("name")]

/** src/errors/Rows.ts */
export const rows = `/** The rows of every capability. Made by \`npm run docs\` from the files \`Errors.ts\` of src; imports those and nothing else. */
${rooms
  .filter((room) => room !== "errors")
  .map((room) => `import { errors as ${room} } from "../${room}/Errors.ts"\n`)
  .join("")}import { errors } from "./Errors.ts"

export const rows = {
${rooms.map((room) => `  ...${room}`).join(",\n")}
}
`

export const errors = `${[
  "# Error codes",
  "",
  "Made by `npm run docs` from the catalogue in `src/errors`.",
  "",
  "Every error has one code, whichever door it came through. `herald explain HRLD-2002` says the same on a terminal,",
  "`GET /v1/errors/HRLD-2002` over HTTP. A code never changes its meaning.",
  "",
  "Exit codes of the CLI: 1 unexpected, 2 usage, 3 refused by a rule, 4 not found, 5 conflict, 6 not allowed, 7 unavailable, try again.",
  ...groups.flatMap(([group, title]) => [
    "",
    `## ${title}`,
    ...inOrder
      .filter((row) => row.code.startsWith(`HRLD-${group}`))
      .flatMap((row) => [
        "",
        `### ${row.code} ${row.title}`,
        "",
        `\`${row.name}\` · HTTP ${row.http} · gRPC ${row.grpc} · exit ${row.exit}`,
        "",
        `- **Why:** ${row.cause}`,
        `- **What to do:** ${row.fix}`
      ])
  ])
].join("\n")}\n`
