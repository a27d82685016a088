/** The adapters that need no options. Made by `npm run docs` from the folders beside it. */
import { Layer } from "effect"
import * as ApiKeyStore from "./access/ApiKeyStore.ts"
import * as ExchangeAudit from "./access/ExchangeAudit.ts"
import * as ApprovalStore from "./approvals/ApprovalStore.ts"
import * as AuditKeys from "./audit/AuditKeys.ts"
import * as AuditLog from "./audit/AuditLog.ts"
import * as ClientAudit from "./consumers/ClientAudit.ts"
import * as StatisticsStore from "./distribution/StatisticsStore.ts"
import * as ExperimentStore from "./experiments/ExperimentStore.ts"
import * as FlagSettingsStore from "./flags/FlagSettingsStore.ts"
import * as FlagStore from "./flags/FlagStore.ts"
import * as IdListStore from "./flags/IdListStore.ts"
import * as SegmentStore from "./flags/SegmentStore.ts"
import * as InstanceStore from "./fleet/InstanceStore.ts"
import * as Leases from "./leases/Leases.ts"
import * as Totals from "./limits/Totals.ts"
import * as MarketStore from "./marketdata/MarketStore.ts"
import * as Outbox from "./outbox/Outbox.ts"
import * as ShardStore from "./placement/ShardStore.ts"
import * as RefStore from "./refs/RefStore.ts"
import * as RetentionStore from "./retention/RetentionStore.ts"
import * as EvidenceStore from "./rollouts/EvidenceStore.ts"
import * as RolloutStore from "./rollouts/RolloutStore.ts"
import * as ScheduleStore from "./schedules/ScheduleStore.ts"
import * as Seal from "./seals/Seal.ts"
import * as CursorStore from "./subscriptions/CursorStore.ts"
import * as LetterBox from "./subscriptions/LetterBox.ts"
import * as SubscriptionStore from "./subscriptions/SubscriptionStore.ts"
import * as LogState from "./topics/LogState.ts"
import * as TopicStore from "./topics/TopicStore.ts"
import * as TopicSweep from "./topics/TopicSweep.ts"
import * as UsageStore from "./usage/UsageStore.ts"
import * as WebhookQueue from "./webhooks/WebhookQueue.ts"

export const adapters = Layer.mergeAll(
  ApiKeyStore.layer,
  ExchangeAudit.layer,
  ApprovalStore.layer,
  AuditKeys.layer,
  AuditLog.layer,
  ClientAudit.layer,
  StatisticsStore.layer,
  ExperimentStore.layer,
  FlagSettingsStore.layer,
  FlagStore.layer,
  IdListStore.layer,
  SegmentStore.layer,
  InstanceStore.layer,
  Leases.layer,
  Totals.layer,
  MarketStore.layer,
  Outbox.layer,
  ShardStore.layer,
  RefStore.layer,
  RetentionStore.layer,
  EvidenceStore.layer,
  RolloutStore.layer,
  ScheduleStore.layer,
  Seal.layer,
  CursorStore.layer,
  LetterBox.layer,
  SubscriptionStore.layer,
  LogState.layer,
  TopicStore.layer,
  TopicSweep.layer,
  UsageStore.layer,
  WebhookQueue.layer
)
