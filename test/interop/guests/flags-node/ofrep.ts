import { OFREPProvider } from "@openfeature/ofrep-provider"
import { OpenFeature } from "@openfeature/server-sdk"

const { HERALD_HTTP: baseUrl = "http://localhost:8080", HERALD_TOKEN } = process.env
const provider = new OFREPProvider({ baseUrl, headers: [["Authorization", `Bearer ${HERALD_TOKEN}`]] })
await OpenFeature.setProviderAndWait(provider)
export const flags = OpenFeature.getClient()

export const hasNewCheckout = (user: string, plan: string): Promise<boolean> =>
  flags.getBooleanValue("new-checkout", false, { targetingKey: user, plan })
