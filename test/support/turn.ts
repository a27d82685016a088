/** Turns of this process's event loop, for tests without a clock of their own. */

const { setTimeout } = globalThis // a test may put another in its place

/** Lets everything that is ready run. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Waits for a condition, however long the machine takes: turn by turn, and then without taking a processor from what it waits for. */
export const until = async (condition: () => boolean): Promise<void> => {
  for (let turns = 0; !condition(); turns++) {
    await (turns < 1_000 ? turn() : new Promise<void>((resolve) => setTimeout(resolve, 1)))
  }
}
