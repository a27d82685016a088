/** Lists of ids and their pieces in memory, by their digests. */
import type { StoredList, StoredPiece } from "../../../src/flags/IdList.ts"

export class IdListTables {
  readonly pieces = new Map<string, StoredPiece>()
  readonly lists = new Map<string, StoredList>()
}
