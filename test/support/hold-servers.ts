/**
 * Starts both servers, writes `{postgres: {url}, mongo: {url}}` to its standard output, and waits to be killed; or ends
 * without stopping them when its standard input says so.
 */
import { once } from 'node:events'
import { startMongo } from '../../src/devkit/servers/mongo.ts'
import { startPostgres } from '../../src/devkit/servers/postgres.ts'

const options = {
  environment: process.env,
  allowDocker: false,
  onNotice: (line: string) => process.stderr.write(`${line}\n`),
}
const [postgres, mongo] = await Promise.all([startPostgres(options), startMongo(options)])
process.stdout.write(`${JSON.stringify({ postgres: postgres.url, mongo: mongo.url })}\n`)
await once(process.stdin, 'data')
process.stdin.destroy()
