/** For whom an update is made. Pure. */

/** One client as a template sees it, beside the environment's variables: its names, and the labels that it gave itself. */
export interface ClientView {
  readonly environment: string
  readonly service: string
  readonly instance: string
  readonly labels: Readonly<Record<string, string>>
}
