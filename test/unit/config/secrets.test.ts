import { chmodSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { buildConfig } from '../../../src/config.ts'
import { buildLedgerConfig } from '../../../src/config-commands.ts'
import { temporaryFolder } from '../../support/dump.ts'

const from = 'mongodb://h/shop'
const secret = 'postgres://app:s3same%40@h/shop'
const plain = 'postgres://app@h/shop'

function warningsOf(flags: Readonly<Record<string, unknown>>, environment: Readonly<Record<string, string>> = {}) {
  return buildConfig({ flags, environment }).warnings
}

describe('a password that others can see', () => {
  it('in an argument is told once for each option, and says where to put it', () => {
    expect(warningsOf({ from: 'mongodb://u:s3same@h/x', to: secret })).toEqual([
      expect.stringMatching(/^the password of --from was an argument.*DROVER_FROM/),
      expect.stringMatching(/^the password of --to was an argument.*DROVER_TO/),
    ])
    expect(warningsOf({ from, to: 'postgres://h/shop?user=u&password=s3same' })).toHaveLength(1)
    expect(warningsOf({ from, to: secret }).join()).not.toContain('s3same')
    expect(buildLedgerConfig('status', { flags: { to: secret }, environment: {} }).warnings).toHaveLength(1)
  })

  it('is not told of where there is none, or nobody can see it', () => {
    expect(warningsOf({ from, to: plain })).toEqual([])
    expect(warningsOf({}, { DROVER_FROM: from, DROVER_TO: secret })).toEqual([])
    expect(buildConfig({ options: { from, to: secret }, environment: {} }).warnings).toEqual([])
  })

  it('in a file that others can read is told, with what to do', async () => {
    await using folder = temporaryFolder()
    const env = await folder.write('shop.env', `DB_NAME=shop\nDB_USER=app\nDB_PASSWORD='s3same@'\n`)
    const whole = await folder.write('drover.yaml', `from: ${from}\nto: ${secret}\n`)
    const parts = await folder.write('parts.yaml', `from: ${from}\nto: postgres://app:\${file:password}@h/shop\n`)
    const password = await folder.write('password', 's3same%40\n')
    const harmless = await folder.write('harmless.yaml', `from: ${from}\nto: postgres://app:\${PASSWORD}@h/shop\n`)
    const told = (path: string): string => `${path} holds a password and can be read by others: chmod 600 ${path}`

    expect(warningsOf({ from, 'env-file': env })).toEqual([told(env)])
    expect(warningsOf({ config: whole })).toEqual([told(whole)])
    expect(warningsOf({ config: parts })).toEqual([told(password)])
    expect(warningsOf({ config: harmless }, { PASSWORD: 's3same' })).toEqual([])
    for (const path of [env, whole, password]) chmodSync(path, 0o600)
    expect(warningsOf({ from, 'env-file': env })).toEqual([])
    expect(warningsOf({ config: whole })).toEqual([])
    expect(warningsOf({ config: parts })).toEqual([])
    chmodSync(env, 0o640)
    expect(warningsOf({ from, 'env-file': env })).toEqual([told(env)])
  })
})
