/** It brings no types. */
declare module "oidc-provider" {
  const Provider: new (
    issuer: string,
    configuration: object
  ) => {
    readonly callback: () => (request: unknown, response: unknown) => void
  }
  export default Provider
}
