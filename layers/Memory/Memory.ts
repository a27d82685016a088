/** Every store in memory, for development and unit tests: the same contract suites as PostgreSQL. Nothing survives the process. */
import { Layer } from "effect"
import { adapters } from "./Adapters.ts"
import { State } from "./State.ts"

/** All stores on a database of their own. */
export const layer = adapters.pipe(Layer.provide(State.layer))

/** All stores on a database that a test holds; also twice in one process, for two nodes. */
export const layerOn = (state: State) => Layer.fresh(adapters.pipe(Layer.provide(Layer.succeed(State.service, state))))
