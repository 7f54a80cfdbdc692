import { join } from 'node:path'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

// A test with a real server in it may wait for disk and for the other core; a minute is a hang.
const testTimeout = 60_000
// Starting both servers on a fresh machine includes unpacking one of them.
const hookTimeout = 180_000

// What is started over and over, workers and commands, is read from its source once.
const env = { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules', '.cache', 'node-compile-cache') }

// Files that follow each other in one process need not load everything anew: what a test changes, it changes back.
const isolate = false

const common = { pool: 'forks', isolate, testTimeout, hookTimeout, env } as const

/** Starts PostgreSQL and MongoDB, and stops them. Unit tests run without. */
const globalSetup = ['test/support/global-setup.ts']

const config: ViteUserConfig = defineConfig({
  test: {
    // Half of the time a test waits for its servers, so three files at once keep two cores busy.
    maxWorkers: 3,
    projects: [
      { test: { ...common, name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: {
          ...common,
          name: 'servers',
          include: ['test/contract/**/*.test.ts', 'test/integration/**/*.test.ts', 'test/corpus/**/*.test.ts'],
          globalSetup,
        },
      },
      { test: { ...common, name: 'package', include: ['test/architecture.test.ts', 'test/pack.test.ts'] } },
      {
        test: {
          name: 'types',
          include: [],
          // Only the compiler runs these: what they hold is whether a line is an error. Errors elsewhere are told by
          // `npm run types`.
          typecheck: {
            enabled: true,
            only: true,
            checker: 'tsc',
            include: ['test/types/**/*.test-d.ts'],
            ignoreSourceErrors: true,
          },
        },
      },
      { test: { ...common, name: 'chaos', include: ['test/chaos/**/*.test.ts'], globalSetup } },
    ],
  },
})

export default config
