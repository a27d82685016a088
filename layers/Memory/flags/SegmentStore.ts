/** SegmentStore in memory. */
import { Layer } from "effect"
import { SegmentStore } from "../../../src/flags/SegmentStore.ts"
import { storeOf } from "./Tables.ts"

export const layer = Layer.effect(SegmentStore, storeOf("segment"))
