// What `@jest/globals` exports, in a worker of jest-light-runner, which sets the same as globals.
export const { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest, test } = globalThis;
