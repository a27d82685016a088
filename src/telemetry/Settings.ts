/** What a node reports of itself, and where to. */
import { host, httpUrl, integer, oneOf, ratio, text } from "../settings/Form.ts"
import { optional, setting, unset } from "../settings/Setting.ts"

export const settings = {
  log: {
    format: setting("log.format", "LOG_FORMAT", oneOf("auto", "json", "pretty"), "auto"),
    level: setting("log.level", "LOG_LEVEL", oneOf("debug", "info", "warn", "error"), "info")
  },
  /** Absent: nothing is sent to StatsD. */
  statsd: optional(["host"], {
    host: unset("statsd.host", "STATSD_HOST", host),
    port: setting("statsd.port", "STATSD_PORT", integer(1, 65_535), 8_125),
    tags: setting("statsd.tags", "STATSD_TAGS", oneOf("none", "dogstatsd"), "none")
  }),
  /** Absent: traces, metrics and logs are not sent by OTLP. */
  otlp: optional(["endpoint"], {
    endpoint: unset("otlp.endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", httpUrl),
    /** The share of traces that is exported, 0 to 1; spans that failed always are. */
    sampleRatio: setting("otlp.sampleRatio", "OTEL_TRACES_SAMPLER_ARG", ratio, 1),
    /** The resource attribute deployment.environment.name, such as "production". Absent: OTEL_RESOURCE_ATTRIBUTES may have it. */
    deployment: unset("otlp.deployment", "DEPLOYMENT_ENVIRONMENT", text)
  })
}
