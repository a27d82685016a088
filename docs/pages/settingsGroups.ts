/** src/settings/Groups.ts, from the file `Settings.ts` of each folder in src. */
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Members } from "../../src/settings/Setting.ts"

const src = fileURLToPath(new URL("../../src", import.meta.url))

const rooms = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => /^[a-z]+\/Settings\.ts$/.test(file))
  .map((file) => file.slice(0, -"/Settings.ts".length))
  .sort()

const named = (
  await Promise.all(
    rooms.map(async (room) => {
      const { settings } = (await import(`${src}/${room}/Settings.ts`)) as { readonly settings: Members }
      return Object.keys(settings).map((name) => ({ name, room }))
    })
  )
).flat()

/** Groups that two rooms claim, which would hide one of them. */
export const groupClashes: ReadonlyArray<string> = named.flatMap(({ name, room }) => {
  const first = named.find((other) => other.name === name)!
  return first.room === room ? [] : [`${name} is in src/${first.room}/Settings.ts and in src/${room}/Settings.ts`]
})

export const settingsGroups = `/** The settings of every room. Made by \`npm run docs\` from the files \`Settings.ts\` of src; imports those and nothing else. */
${rooms
  .filter((room) => room !== "settings")
  .map((room) => `import { settings as ${room} } from "../${room}/Settings.ts"\n`)
  .join("")}import { settings } from "./Settings.ts"

export const groups = {
${rooms.map((room) => `  ...${room}`).join(",\n")}
}
`
