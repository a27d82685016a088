/** Holds the public keys of nodes, by their id. */
export class AuditKeyTables {
  readonly lines = new Map<string, string>()
}
