/** schema/settings.schema.json, from the list of settings. */
import { catalogue } from "./settingsGroups.ts"

type Node = { type: "object"; additionalProperties: false; properties: Record<string, unknown> }
const object = (): Node => ({ type: "object", additionalProperties: false, properties: {} })

const root = object()
for (const { path, env, form, fallback } of catalogue) {
  const parts = path.split(".")
  let at = root
  for (const part of parts.slice(0, -1)) at = (at.properties[part] ??= object()) as Node
  const isText = form.schema["type"] !== "integer"
  at.properties[parts.at(-1)!] = {
    description: `${form.expected}; ${env} in the environment wins`,
    ...form.schema,
    ...(fallback === undefined || path === "node" ? {} : { default: isText ? form.show(fallback) : fallback }),
    ...(form.secret ? { writeOnly: true } : {})
  }
}

const json = JSON.stringify(
  { $schema: "https://json-schema.org/draft/2020-12/schema", title: "Settings of a Herald server", ...root },
  null,
  2
)
/** Lists on one line, as the formatter has them. */
const compact = json.replace(/\[\s+([^\]]*?)\s+\]/g, (_, list: string) => `[${list.replace(/\s+/g, " ")}]`)

export const settingsSchema = `${compact}\n`
