import { FlagdProvider } from "@openfeature/flagd-provider"
import { OpenFeature } from "@openfeature/server-sdk"

await OpenFeature.setProviderAndWait(new FlagdProvider()) // its settings are in the environment
export const flags = OpenFeature.getClient()

export const hasNewCheckout = (user: string, plan: string): Promise<boolean> =>
  flags.getBooleanValue("new-checkout", false, { targetingKey: user, plan })
