/** What every answer tells browsers. H1 in Http.ts */
export const securing: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer"
}
