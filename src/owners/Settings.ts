/** Of rollouts. */
import { hosts } from "../settings/Form.ts"
import { unset } from "../settings/Setting.ts"

export const settings = {
  rollouts: {
    /** What gates may ask although it is on this machine or in its network, and by plain http: a Prometheus, say. */
    near: unset("rollouts.near", "ROLLOUTS_NEAR", hosts)
  }
}
