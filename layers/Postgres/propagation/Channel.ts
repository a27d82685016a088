/** The channel on which NOTIFY tells of revisions. */
export const CHANNEL = "herald_revisions"
