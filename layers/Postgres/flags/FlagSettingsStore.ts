/** Reads settings of flags in PostgreSQL. */
import { Layer } from "effect"
import { FlagSettingsStore } from "../../../src/flags/FlagSettingsStore.ts"
import { storeOf } from "./Tables.ts"

export const layer = Layer.effect(FlagSettingsStore, storeOf("flag_settings"))
