/** Makes names that no other test has, as the tests of a suite may share a database. */
let names = 0

export const fresh = (name: string) => `${name}.${++names}.${process.pid}`
