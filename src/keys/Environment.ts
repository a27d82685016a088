/**
 * Checks names of environments: production, staging and so on. Pure, without imports.
 *
 *   EN1  An environment's name has 1 to 50 letters, digits and . _ - and begins and ends with a letter, a digit or _.
 */

/** Characters. */
export const ENVIRONMENT_LENGTH = 50

/** The environment of a client that names none. */
export const DEFAULT_ENVIRONMENT = "production"

/** Its characters; the length is checked apart. */
export const ENVIRONMENT = /^[A-Za-z0-9_](?:[A-Za-z0-9_\-.]*[A-Za-z0-9_])?$/

export const isEnvironment = (environment: string): boolean =>
  environment.length <= ENVIRONMENT_LENGTH && ENVIRONMENT.test(environment)

/** What is wrong with it, worded to follow its name. */
export const wrongEnvironment = (environment: string): string | undefined =>
  isEnvironment(environment)
    ? undefined
    : `is not an environment: 1 to ${ENVIRONMENT_LENGTH} letters, digits and . _ -, beginning and ending with a letter, digit or _`
