/** Port: reads what environments say of all their flags, as `FlagStore` reads flags (FS1). */
import { Context } from "effect"
import type { FlagSettings } from "./FlagSettings.ts"
import type { StoreOf } from "./FlagStore.ts"

export class FlagSettingsStore extends Context.Service<FlagSettingsStore, StoreOf<FlagSettings>>()(
  "herald/flags/FlagSettingsStore"
) {}
