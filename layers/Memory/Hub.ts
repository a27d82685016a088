/** Holds what nodes in one process share besides the database. */

import type { Shared } from "../../src/configuration/SharedCache.ts"
import type { Revision } from "../../src/propagation/Revision.ts"
import * as SharedCache from "./configuration/SharedCache.ts"
import * as HintLane from "./propagation/HintLane.ts"

export class Hub {
  readonly values = new Map<string, Shared>()
  readonly listeners = new Set<{ readonly revision: (revision: Revision) => void; readonly gap: () => void }>()

  readonly layerSharedCache = SharedCache.layer(this)
  readonly layerLane = HintLane.layer(this)
}
