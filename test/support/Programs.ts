/** What those write who install our packages. */
/** Applies one value and ends. */
export const program = `
import { type Changed, HeraldClient } from "@herald/client"

interface Shop { readonly port: number }

const main = async () => {
  const client = await HeraldClient.connect({
    address: process.env["GRPC"] ?? "127.0.0.1:1",
    token: process.env["TOKEN"] ?? "none",
    service: "shop",
    waitForSync: true
  })
  const watch: AsyncIterable<Changed<Shop>> = client.watch<Shop>("shop", {
    validate: (shop) => shop.port > 0 || "no port",
    apply: async (shop, { version }) => void (shop?.port ?? version)
  })
  for await (const { value } of watch) {
    console.log(value?.port, client.state)
    break
  }
  await client.close()
}
main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
`
/** What a service of plain JavaScript does. */
export const plain = program
  .replace("type Changed, ", "")
  .replace(/^interface.*$/m, "")
  .replaceAll(/: AsyncIterable<Changed<Shop>>|<Shop>|: unknown/g, "")

/** Asks for one flag by OpenFeature. */
export const flagging = (from: string) => `
import { OpenFeature } from "@openfeature/server-sdk"
import { HeraldProvider } from "${from}"

const options = { address: process.env["GRPC"] ?? "", token: process.env["TOKEN"] ?? "", service: "shop" }
const main = async () => {
  await OpenFeature.setProviderAndWait(new HeraldProvider(options))
  const { value, variant, reason } = await OpenFeature.getClient().getBooleanDetails("checkout", false, { targetingKey: "ann" })
  console.log(value, variant, reason)
  await OpenFeature.close()
}
void main()
`

/** The same by `require`. */
export const commonJs = plain
  .replace("import { HeraldClient } from", "const { HeraldClient } =")
  .replace('"@herald/client"', 'require("@herald/client")')
