/** What npm ships: JavaScript that runs where Node strips no types, and declarations that a strict consumer can use. */
import { execFile } from "node:child_process"
import { mkdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, it } from "@effect/vitest"
import { onTestFinished } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))
const bin = (name: string) => join(root, "node_modules/.bin", name)
const run = promisify(execFile)

const consumer = `
import { type Changed, HeraldClient } from "./src/client/HeraldClient.js"
const client = await HeraldClient.connect({
  address: "127.0.0.1:1",
  service: "shop",
  defaults: { shop: { port: 80 } },
  reconnect: { baseMillis: 1 }
})
const watch: AsyncIterable<Changed<{ port: number }>> = client.watch<{ port: number }>("shop", {
  validate: (shop) => shop.port > 0 || "no port",
  apply: async (shop, { version }) => shop?.port ?? version
})
console.log(client.get<{ port: number }>("shop").port, client.state, typeof watch)
await client.close()
`

it("the build runs from node_modules and type-checks for its users", { timeout: 60_000 }, async () => {
  const out = join(root, "node_modules/.cache", `herald-sdk-${process.pid}`)
  onTestFinished(() => rm(out, { recursive: true, force: true }))
  await mkdir(out, { recursive: true })
  await run(bin("tsc"), ["-p", join(root, "tsconfig.build.json"), "--outDir", out])
  await writeFile(join(out, "package.json"), '{ "type": "module" }')
  const source = join(out, "consumer.ts")
  await writeFile(source, consumer)
  const flags = ["--module", "nodenext", "--strict", "--target", "esnext", "--types", "node", "--ignoreConfig"]
  await run(bin("tsc"), [source, ...flags], { cwd: out })
  const { stdout } = await run(process.execPath, [join(out, "consumer.js")])

  assert.strictEqual(stdout.trim(), "80 stale object")
})
