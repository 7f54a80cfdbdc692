import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { chaosSite, chaosSource, oneOf, threeTables } from '../support/chaos/campaign.ts'
import { checkSecret, commandLinesWith } from '../support/chaos/oracles.ts'
import { runDrover, startDrover } from '../support/chaos/run.ts'

const small = ['--workers', '2', '--batch-rows', '500', '--no-primary-key']

it('O8 no word of the password, neither by runs that succeed nor by ones that fail', async () => {
  await using poisoned = await chaosSource(threeTables(600, oneOf(100)))
  await using site = await chaosSite(poisoned.tables)
  const secret = `canary-${randomBytes(6).toString('hex')}@/%`
  const role = `chaos_${randomBytes(6).toString('hex')}`
  await site.query(`create role ${role} login superuser password '${secret}'`)
  try {
    const url = new URL(site.to)
    url.username = role
    url.password = encodeURIComponent(secret)
    const ends = { from: poisoned.from, to: url.href }
    const running = startDrover(['migrate', ...small, '--isolation', 'processes', '--log-level', 'debug'], ends)
    const shown = new Set<string>()
    while (!running.hasEnded()) {
      for (const line of commandLinesWith(secret.slice(0, 19))) shown.add(line)
      await pause(20)
    }
    const wrong = new URL(url.href)
    wrong.pathname = '/no_such_database'
    const unreachable = new URL(url.href)
    unreachable.port = '1'
    const runs = [
      await running.ended,
      await runDrover(['migrate', ...small], ends),
      await runDrover(['status'], ends),
      await runDrover(['migrate', ...small], { ...ends, to: wrong.href }),
      await runDrover(['migrate', ...small], { ...ends, to: unreachable.href }),
    ]
    expect(runs.map(({ code }) => code)).toEqual([4, 3, 0, 3, 3])
    for (const form of [secret, encodeURIComponent(secret), secret.slice(0, 19)]) await checkSecret(site, form, runs)
    expect([...shown]).toEqual([])
  } finally {
    await site.query(`reassign owned by ${role} to current_user`)
    await site.query(`drop owned by ${role}`)
    await site.query(`drop role ${role}`)
  }
})
