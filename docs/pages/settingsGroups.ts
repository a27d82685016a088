/** src/settings/Groups.ts, from the file `Settings.ts` of each folder in src. */
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type AnySetting, listOf, type Members } from "../../src/settings/Setting.ts"

const src = fileURLToPath(new URL("../../src", import.meta.url))

const rooms = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => /^[a-z]+\/Settings\.ts$/.test(file))
  .map((file) => file.slice(0, -"/Settings.ts".length))
  .sort()

interface Said {
  readonly settings: Members
  /** What is wrong with settings that are right alone. */
  readonly rule?: unknown
}

const saidBy = await Promise.all(
  rooms.map(async (room) => ({ room, ...((await import(`${src}/${room}/Settings.ts`)) as Said) }))
)
const named = saidBy.flatMap(({ room, settings, rule }) =>
  Object.keys(settings).map((name) => ({ name, room, ruled: rule !== undefined }))
)

/** As `src/settings/Catalogue.ts` has them once `Groups.ts` is written: it may be old while this runs. */
export const catalogue: ReadonlyArray<AnySetting> = saidBy
  .flatMap(({ settings }) => listOf(settings))
  .sort((a, b) => (a.path < b.path ? -1 : 1))

/** Groups that two rooms claim, which would hide one of them. */
export const groupClashes: ReadonlyArray<string> = named.flatMap(({ name, room }) => {
  const first = named.find((other) => other.name === name)!
  return first.room === room ? [] : [`${name} is in src/${first.room}/Settings.ts and in src/${room}/Settings.ts`]
})

const ruled = rooms.filter((room) => named.some((group) => group.room === room && group.ruled))
/** As the formatter has it. */
const list = (names: ReadonlyArray<string>): string => {
  const line = `[${names.join(", ")}]`
  return line.length < 100 ? line : `[\n  ${names.join(",\n  ")}\n]`
}
const ruleOf = (room: string) => `${room}Rule`

/** `settings` of its own room goes by its own name. In the order of the names they get here, as the linter has it. */
const imported = rooms
  .map((room) => {
    const names = [
      room === "settings" ? "settings" : `settings as ${room}`,
      ...(ruled.includes(room) ? [`rule as ${ruleOf(room)}`] : [])
    ]
    const from = room === "settings" ? "./Settings.ts" : `../${room}/Settings.ts`
    return { from, line: `import { ${names.join(", ")} } from "${from}"` }
  })
  .sort((a, b) => (a.from < b.from ? -1 : 1))
  .sort((a, b) => Number(a.from.startsWith("./")) - Number(b.from.startsWith("./")))

export const settingsGroups = `/** The settings of every room. Made by \`npm run docs\` from the files \`Settings.ts\` of src; imports those and nothing else. */
${imported.map(({ line }) => line).join("\n")}

export const groups = {
${rooms.map((room) => `  ...${room}`).join(",\n")}
}

/** What is wrong with settings that are right alone. */
export const rules = ${list(ruled.map(ruleOf))}
`
