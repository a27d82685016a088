import { Layer } from "effect"
import * as MarketRetention from "../marketdata/MarketRetention.ts"
import * as Retention from "../retention/Retention.ts"
import type { Settings } from "../settings/Catalogue.ts"
import * as TopicRetention from "../topics/TopicRetention.ts"
import * as UsageRetention from "../usage/UsageRetention.ts"

/** What removes what is old, beside the services. */
export const retention = ({
  retention,
  usage,
  marketData,
  run
}: Pick<Settings, "retention" | "usage" | "marketData"> & { readonly run: string }) =>
  Layer.mergeAll(
    Retention.layer({ ...retention, run }),
    UsageRetention.layer({ ...usage, run }),
    MarketRetention.layer({ ...marketData, run }),
    TopicRetention.layer({ run })
  )
