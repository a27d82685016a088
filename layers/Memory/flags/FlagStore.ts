/** FlagStore in memory. */
import { Layer } from "effect"
import { FlagStore } from "../../../src/flags/FlagStore.ts"
import { storeOf } from "./Tables.ts"

export const layer = Layer.effect(FlagStore, storeOf("flag"))
