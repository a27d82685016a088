/** docs/errors.md, from the catalogue. */
import { catalogue } from "../../src/errors/Catalogue.ts"

const groups: ReadonlyArray<readonly [string, string]> = [
  ["1", "Bad input"],
  ["2", "State"],
  ["3", "Access"],
  ["4", "Dependencies"],
  ["5", "Sessions"],
  ["9", "Defects"]
]

const rowsOf = (group: string) =>
  Object.entries(catalogue).flatMap(([name, row]) => (row.code.startsWith(`HRLD-${group}`) ? [{ name, ...row }] : []))

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
    ...rowsOf(group).flatMap((row) => [
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
