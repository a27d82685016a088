/** Names that no other test of this process has: a suite may run on one database. */
let names = 0

export const fresh = (name: string) => `${name}.${++names}.${process.pid}`
