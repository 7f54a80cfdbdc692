/**
 * Entry file of a process that has `mongodb-memory-server-core` obtain a mongod. A process of its own, because that
 * package writes to the standard output, reads its options from the environment and cannot be aborted.
 *
 * Reads `{"downloadDir": …}` from its standard input; the last line it writes is the path of the program.
 */
import { text } from 'node:stream/consumers'
import { MongoBinary } from 'mongodb-memory-server-core'

try {
  const path = await MongoBinary.getPath(JSON.parse(await text(process.stdin)) as { readonly downloadDir: string })
  process.stdout.write(`\n${path}\n`)
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
