/** What a template may see: the environment's variables and the client's metadata. Pure. */

/** Metadata of one connected client: its labels plus `service`, `instance` and `environment`. */
export interface ClientView {
  readonly environment: string
  readonly service: string
  readonly instance: string
  readonly labels: Readonly<Record<string, string>>
}
