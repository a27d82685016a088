/** Finds the table of each kind of change, which the twin of its store has put here. */
import type { Table } from "./Table.ts"

export class KindTables {
  readonly kinds = new Map<string, Table>()

  /** Throws for a kind that has none, as the database does. */
  of(kind: string): Table {
    const table = this.kinds.get(kind)
    if (table === undefined) throw new Error(`there is no table for changes of the kind ${kind}`)
    return table
  }
}
