/** Where NOTIFY tells of revisions. */
export const CHANNEL = "herald_revisions"
