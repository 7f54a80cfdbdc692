#!/usr/bin/env node
// Plain JavaScript of an old kind: an old Node has to get as far as the line that says what is wrong.
import { existsSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const oldestMajor = 24

// Every user of the machine can read the arguments of a process, and a URL among them may hold a password.
process.title = /^[a-z]+$/.test(process.argv[2] || '') ? 'drover ' + process.argv[2] : 'drover'

if (Number.parseInt(process.versions.node, 10) < oldestMajor) {
  process.stderr.write(
    'drover: needs Node ' + oldestMajor + ' or later, this is Node ' + process.versions.node + ' (node-too-old)\n',
  )
  process.exitCode = 2
} else {
  // What a command compiles, the next one and the workers find: half of the time of a short one. Where that cannot be written
  // nothing is kept, and nobody is told.
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'drover')
  if (!process.env['NODE_COMPILE_CACHE']) process.env['NODE_COMPILE_CACHE'] = cache
  module.enableCompileCache(process.env['NODE_COMPILE_CACHE'])
  // A checkout runs its sources, so that a build of yesterday is never taken for them; a package holds only the build.
  const sources = new URL('../src/cli/main.ts', import.meta.url)
  const built = new URL('../dist/src/cli/main.js', import.meta.url)
  import((existsSync(sources) ? sources : built).href)
    .then((cli) => cli.main(process.argv.slice(2), process.env))
    .then(
      (status) => {
        process.exitCode = status
      },
      (error) => {
        process.stderr.write('drover: ' + (error instanceof Error ? error.stack : String(error)) + '\n')
        process.exitCode = 1
      },
    )
}
