/** The loop of this process, for tests without a clock of their own. */

/** Lets everything that is ready run. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Waits for a condition, however long the machine takes. */
export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await turn()
}
