/** Of counts. */
import { integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  toys: {
    largest: setting("toys.largest", "TOYS_LARGEST", integer(1, 2_147_483_647), 1_000)
  }
}
