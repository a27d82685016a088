/** The column that says which versions are candidates of rollouts, where one is. Pure. */
import type { Candidacy } from "../commits/Candidacy.ts"
import type { Paint } from "./Paint.ts"
import type { Column } from "./Table.ts"

interface Row {
  readonly rollout?: Candidacy
}

export const candidacy = <R extends Row>(rows: ReadonlyArray<R>, paint: Paint): ReadonlyArray<Column<R>> =>
  rows.some(({ rollout }) => rollout !== undefined)
    ? [
        {
          title: "ROLLOUT",
          value: ({ rollout }) => (rollout === undefined ? "" : `${rollout.id} ${rollout.state}`),
          paint: ({ rollout }) => (rollout?.state === "withdrawn" ? paint.dim : undefined)
        }
      ]
    : []
