/** Makes the message that `reportHealth` sends. */
import { Health, ReportHealthRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Checked } from "./CheckedOptions.ts"

const healths = {
  healthy: Health.HEALTH_HEALTHY,
  degraded: Health.HEALTH_DEGRADED,
  unhealthy: Health.HEALTH_UNHEALTHY
} as const

export type HealthStatus = keyof typeof healths

export const healthReport = (
  { service, instance, environment }: Checked,
  position: { readonly epoch: string; readonly revision: bigint },
  status: HealthStatus,
  message: string,
  metrics: Readonly<Record<string, number>>
): ReportHealthRequest =>
  ReportHealthRequest.fromPartial({
    serviceName: service,
    instanceId: instance,
    environment,
    ...position,
    health: healths[status],
    message,
    metrics
  })
