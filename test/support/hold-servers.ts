/**
 * `hold-servers.ts [postgres] [mongo]`: starts these servers, writes their URLs by these names to its standard output as
 * an object, and waits to be killed; or ends without stopping them when its standard input says so.
 */
import { once } from 'node:events'
import { startMongo } from '../../src/devkit/servers/mongo.ts'
import { startPostgres } from '../../src/devkit/servers/postgres.ts'

const options = {
  environment: process.env,
  allowDocker: false,
  onNotice: (line: string) => process.stderr.write(`${line}\n`),
}
const starts = { postgres: startPostgres, mongo: startMongo }
const wanted = Object.entries(starts).filter(([name]) => process.argv.includes(name))
const urls = await Promise.all(wanted.map(async ([name, start]) => [name, (await start(options)).url]))
process.stdout.write(`${JSON.stringify(Object.fromEntries(urls))}\n`)
await once(process.stdin, 'data')
process.stdin.destroy()
