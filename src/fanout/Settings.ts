/** Readers of topics. */
import { integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  fanout: {
    /** Readers that this node may have; one principal at most four fifths of them. */
    readers: setting("topics.readers", "TOPICS_READERS", integer(1, 1_000_000), 10_000),
    /** Bytes of the newest events of a partition that this node keeps for its readers. */
    ringBytes: setting("topics.ringBytes", "TOPICS_RING_BYTES", integer(65_536, 1_073_741_824), 8_388_608),
    /** Bytes of those of all partitions together. */
    ringsBytes: setting("topics.ringsBytes", "TOPICS_RINGS_BYTES", integer(1_048_576, 17_179_869_184), 268_435_456)
  }
}
