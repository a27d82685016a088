/** The memory twins keep the contracts of the stores. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { approvalListsContract } from "./ApprovalLists.ts"
import { approvalModelContract } from "./ApprovalModel.ts"
import { approvalPersonsContract } from "./ApprovalPersons.ts"
import { approvalsContract } from "./ApprovalStores.ts"
import { approvalTouchesContract } from "./ApprovalTouches.ts"
import { approvalWaysContract } from "./ApprovalWays.ts"
import { exchangeAuditsContract } from "./ExchangeAudits.ts"
import { experimentsContract } from "./ExperimentStores.ts"
import { experimentSumsContract } from "./ExperimentSums.ts"
import { flagsContract } from "./FlagStores.ts"
import { instanceFactsContract } from "./InstanceFacts.ts"
import { instancesContract } from "./Instances.ts"
import { keyRightsContract } from "./KeyRights.ts"
import { leasesContract } from "./Leases.ts"
import { outboxContract } from "./Outboxes.ts"
import { ownersContract } from "./Owners.ts"
import { peopleContract } from "./People.ts"
import { refsContract } from "./RefStores.ts"
import { releasesContract } from "./Releases.ts"
import { retentionContract } from "./Retentions.ts"
import { schedulesContract } from "./ScheduleStores.ts"
import { scheduleVersionsContract } from "./ScheduleVersions.ts"
import { segmentsContract } from "./SegmentStores.ts"
import { shardsContract } from "./ShardStores.ts"
import { storesContract } from "./Stores.ts"
import { topicLogsContract } from "./TopicLogs.ts"
import { topicStoresContract } from "./TopicStores.ts"
import { topicSweepsContract } from "./TopicSweeps.ts"
import { usagesContract } from "./Usages.ts"
import { webhooksContract } from "./Webhooks.ts"

describe("memory", () => {
  storesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  flagsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  segmentsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  refsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  approvalsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  approvalListsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  approvalWaysContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  approvalTouchesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  approvalPersonsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  approvalModelContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  schedulesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  scheduleVersionsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  experimentsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  experimentSumsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  releasesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  shardsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  leasesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  peopleContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  exchangeAuditsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  keyRightsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  retentionContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  instancesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  instanceFactsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  topicStoresContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  topicSweepsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  topicLogsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  ownersContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  usagesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  webhooksContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  // Last: the retention waits for a relay that has held its lease.
  outboxContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
})
