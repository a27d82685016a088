/** The client that an update is made for. Pure. */

/** What a template knows of a client beside the environment's variables: its names, and the labels that it gave itself. */
export interface ClientView {
  readonly environment: string
  readonly service: string
  readonly instance: string
  readonly labels: Readonly<Record<string, string>>
}

/** No client in particular: it has what is current, whatever rollouts are under way. */
export const anybody = (environment: string): ClientView => ({ environment, service: "", instance: "", labels: {} })
