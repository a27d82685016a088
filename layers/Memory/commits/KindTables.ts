/** The tables of each kind of change, as its twin of a store brings them. */
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
