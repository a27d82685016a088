/** layers/<Technology>/Adapters.ts: the adapters there that need no options, from the folders of each capability. */
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Layer } from "effect"

const layers = fileURLToPath(new URL("../../layers", import.meta.url))

/** Technologies that stand in for a whole database: whoever asks for one wants every store of it. */
const DATABASES = ["Memory", "Postgres"]

interface Adapter {
  readonly capability: string
  readonly port: string
}

/** A file named after its port exports `layer`; one that is made by a function wants options, and is put in by hand. */
const adaptersOf = async (technology: string): Promise<ReadonlyArray<Adapter>> => {
  const files = readdirSync(`${layers}/${technology}`, { recursive: true, encoding: "utf8" })
    .filter((file) => /^[a-z]+\/[A-Za-z]+\.ts$/.test(file))
    .sort()
  const found: Array<Adapter> = []
  for (const file of files) {
    const { layer } = (await import(`${layers}/${technology}/${file}`)) as { readonly layer?: unknown }
    const [capability, port] = file.replace(/\.ts$/, "").split("/") as [string, string]
    if (Layer.isLayer(layer)) found.push({ capability, port })
  }
  return found
}

const pageOf = (
  adapters: ReadonlyArray<Adapter>
): string => `/** The adapters that need no options. Made by \`npm run docs\` from the folders beside it. */
import { Layer } from "effect"
${adapters.map(({ capability, port }) => `import * as ${port} from "./${capability}/${port}.ts"`).join("\n")}

export const adapters = Layer.mergeAll(
${adapters.map(({ port }) => `  ${port}.layer`).join(",\n")}
)
`

/** By their place, seen from docs. */
export const adapters: ReadonlyMap<string, string> = new Map(
  await Promise.all(
    DATABASES.map(
      async (technology) => [`../layers/${technology}/Adapters.ts`, pageOf(await adaptersOf(technology))] as const
    )
  )
)
