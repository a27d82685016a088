/** What SchemaValidator and its worker thread say to each other. One question at a time. */
export interface Question {
  /** JSON text: the key of the worker's cache. */
  readonly schema: string
  readonly value: unknown
}

export type Answer =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Valid" }
  | { readonly _tag: "Violation"; readonly path: string; readonly message: string }
  | { readonly _tag: "InvalidSchema"; readonly message: string }
