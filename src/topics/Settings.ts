/** Settings of topics. */
import { integer } from "../settings/Form.ts"
import { setting } from "../settings/Setting.ts"

export const settings = {
  topics: {
    /** Bytes of one event, as it is encoded. */
    eventBytes: setting("topics.eventBytes", "TOPICS_EVENT_BYTES", integer(1_024, 1_048_576), 1_048_576),
    /** Bytes of events that this node publishes at the same time; one principal at most three quarters of them. */
    underWayBytes: setting(
      "topics.underWayBytes",
      "TOPICS_UNDER_WAY_BYTES",
      integer(8_388_608, 4_294_967_296),
      67_108_864
    ),
    /** Bytes of ephemeral topics that this node keeps: of each partition, and of all. */
    ephemeral: {
      partitionBytes: setting(
        "topics.ephemeralPartitionBytes",
        "TOPICS_EPHEMERAL_PARTITION_BYTES",
        integer(1_048_576, 17_179_869_184),
        16_777_216
      ),
      allBytes: setting(
        "topics.ephemeralBytes",
        "TOPICS_EPHEMERAL_BYTES",
        integer(1_048_576, 68_719_476_736),
        134_217_728
      )
    },
    /** Reads over HTTP that may wait for events at the same time; one principal at most a quarter of them. */
    waitingReads: setting("topics.waitingReads", "TOPICS_WAITING_READS", integer(4, 100_000), 512)
  }
}
