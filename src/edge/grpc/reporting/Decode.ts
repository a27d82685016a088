/** Decodes messages of herald.reporting.v1. */
import { ReportRequest } from "../../../../proto/generated/herald/reporting/v1/reporting.ts"
import { ITEMS } from "../../../usage/Report.ts"
import { decoderOf } from "../Decode.ts"

/** G8 */
export const reportRequest = decoderOf("herald.reporting.v1")(ReportRequest, {
  4: ["evaluations", ITEMS, "items"],
  5: ["exposures", ITEMS, "items"],
  6: ["tracks", ITEMS, "items"]
})
