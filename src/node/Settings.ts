/** Settings of this node. */
import { text } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  dataDir: setting("dataDir", "HERALD_DATA", text, ".herald"),
  /** When it is not set, the loader takes the host's name. */
  node: setting("node", "HERALD_NODE", text, "localhost")
}
