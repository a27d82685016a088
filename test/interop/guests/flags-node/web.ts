import { FlagdWebProvider } from "@openfeature/flagd-web-provider"
import { OpenFeature, type Provider } from "@openfeature/web-sdk"

export const connect = async (host: string, port: number, user: string, plan: string) => {
  await OpenFeature.setContext({ targetingKey: user, plan })
  await OpenFeature.setProviderAndWait(new FlagdWebProvider({ host, port, tls: false, maxRetries: 0 }) as Provider)
  return OpenFeature.getClient()
}
