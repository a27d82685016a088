/** Makes the pages that come from sources. `npm run docs` writes them, with `--faults` after it took what the fault tests measured; `--check` fails when one is old, an invariant has no test, or two have one name. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { readTree } from "../test/support/Tree.ts"
import { adapters } from "./pages/adapters.ts"
import { architectureOf } from "./pages/architecture.ts"
import { decisionsOf } from "./pages/decisions.ts"
import { clashes, errors, rows } from "./pages/errors.ts"
import { faults, takeNotes } from "./pages/faults.ts"
import { invariantsOf } from "./pages/invariants.ts"
import { messagesOf } from "./pages/messages.ts"
import { settings } from "./pages/settings.ts"
import { groupClashes, settingsGroups } from "./pages/settingsGroups.ts"
import { settingsSchema } from "./pages/settingsSchema.ts"
import { sql } from "./pages/sql.ts"
import { testing } from "./pages/testing.ts"

if (process.argv.includes("--faults")) takeNotes()
const tree = readTree(fileURLToPath(new URL("..", import.meta.url)), [".ts", ".md", ".sql", ".proto"])
const invariants = invariantsOf(tree)
const isThere = (path: string) => existsSync(new URL(`../${path}`, import.meta.url))
const messages = messagesOf(tree)
const decisions = decisionsOf(tree, isThere)
const architecture = architectureOf(tree.get("docs/architecture.md")!, tree, isThere)
const pages = new Map([
  ["architecture.md", architecture.page],
  ["decisions/README.md", decisions.page],
  ["faults.md", faults()],
  ["errors.md", errors],
  ["../src/errors/Rows.ts", rows],
  ["../src/settings/Groups.ts", settingsGroups],
  ["settings.md", settings],
  ["../schema/settings.schema.json", settingsSchema],
  ["invariants/README.md", invariants.page],
  ["messages.md", messages.page],
  ["sql.md", sql],
  ["testing-with-layers.md", testing],
  ...adapters
])
const problems = [
  ...invariants.problems,
  ...messages.problems,
  ...architecture.problems,
  ...decisions.problems,
  ...clashes,
  ...groupClashes
]
for (const [name, text] of pages) {
  const path = new URL(name, import.meta.url)
  if (!process.argv.includes("--check")) writeFileSync(path, text)
  else if (readFileSync(path, "utf8") !== text) problems.push(`docs/${name} is old: npm run docs`)
}
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
