#!/bin/bash
# The scripts of the public Kafka image that are used here, each under its name.
set -euo pipefail
tool() {
  exec java ${KAFKA_HEAP_OPTS:--Xmx512m} -cp '/opt/kafka/libs/*' "$@"
}
case $0 in
*/kafka-storage.sh) tool kafka.tools.StorageTool "$@" ;;
*/kafka-server-start.sh) tool kafka.Kafka "$@" ;;
*/kafka-topics.sh) KAFKA_HEAP_OPTS=-Xmx128m tool org.apache.kafka.tools.TopicCommand "$@" ;;
*/run)
  cp /mnt/shared/config/server.properties /opt/kafka/config/
  /opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c /opt/kafka/config/server.properties
  exec /opt/kafka/bin/kafka-server-start.sh /opt/kafka/config/server.properties
  ;;
esac
