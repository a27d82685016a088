/**
 * Tells requests of pages in browsers from those of programs. Pure.
 *
 *   YX1  What a page asks for is never asked for by the certificate of the browser's user: any page can have the browser show it, and knows nothing of
 *        whom it stands for. Pages say a token.
 */

/** A page can neither leave these out nor set them (Fetch, section 3.2; Fetch Metadata). YX1 */
export const isOfPage = (headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>): boolean =>
  headers["origin"] !== undefined || headers["sec-fetch-site"] !== undefined
