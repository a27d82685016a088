/** Port: reads segments from the store, as `FlagStore` reads flags (FS1). */
import { Context } from "effect"
import type { StoreOf } from "./FlagStore.ts"
import type { Segment } from "./Segment.ts"

export class SegmentStore extends Context.Service<SegmentStore, StoreOf<Segment>>()("herald/flags/SegmentStore") {}
