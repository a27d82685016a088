/** What a `State` has of scheduled changes: the counterpart of the tables of migration 0026. */
import type { Schedule } from "../../../src/schedules/Schedule.ts"
import type { Held } from "../../../src/schedules/ScheduleStore.ts"

export interface Row extends Held {
  readonly made: bigint
}

export class ScheduleTables {
  /** By "<environment>/<id>", in the order in which they were made. */
  readonly rows = new Map<string, Row>()
  /** What the log told of each, by its id and revision. */
  readonly history = new Map<string, Schedule>()

  pending(): ReadonlyArray<Row> {
    return [...this.rows.values()].filter(({ schedule }) => schedule.state === "pending")
  }
}
