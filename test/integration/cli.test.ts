import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { drover } from '../support/run-bin.ts'

describe.concurrent('a mistake on the command line', () => {
  it.each([
    [[], 'drover: no command is given\n  hint: drover --help lists the commands\n  [unknown-command]\n'],
    [
      ['migrat'],
      'drover: unknown command migrat\n  hint: did you mean migrate? drover --help lists the commands\n  [unknown-command]\n',
    ],
    [
      ['migrate', '--wrokers', '3'],
      'drover: unknown option --wrokers\n  hint: did you mean --workers?\n  [unknown-option]\n',
    ],
    [
      ['seed', '--feed', 'paged'],
      'drover: unknown option --feed\n  hint: it is an option of migrate, resume, plan, tune\n  [unknown-option]\n',
    ],
    [['migrate', '-w', '3'], 'drover: unknown option -w\n  hint: did you mean --to?\n  [unknown-option]\n'],
    [
      ['migrate', '--constructor', 'x'],
      'drover: unknown option --constructor\n  hint: drover --help lists the commands\n  [unknown-option]\n',
    ],
    [
      ['migrate', 'users'],
      'drover: unexpected argument "users"\n  hint: drover migrate --help lists what it takes\n  [unknown-option]\n',
    ],
    [
      ['migrate', '--workers'],
      'drover: --workers needs a value; allowed is a whole number of at least 1, or auto\n  [invalid-value]\n',
    ],
    [
      ['migrate', '--limit', '-5'],
      'drover: --limit is "-5"; allowed is a whole number of at least 0\n  [invalid-value]\n',
    ],
    [['tune', '--save=maybe'], 'drover: --save is "maybe"; allowed is true or false\n  [invalid-value]\n'],
    [['migrate', '--json=maybe'], 'drover: --json is "maybe"; allowed is true or false\n  [invalid-value]\n'],
    [
      ['inspect', 'a://b', '--from', 'c://d'],
      'drover: the source is given twice: as an argument and by --from\n  [conflicting-options]\n',
    ],
    [
      ['inspect', 'oracle://u:canary@h/x'],
      expect.stringMatching(
        /^warning: the password of --from was .*\ndrover: unknown scheme oracle:\n {2}hint: (?!.*canary).*\n {2}\[unknown-scheme\]\n$/,
      ),
    ],
  ])('%j exits 2, says it on stderr and nothing on stdout', async (args, stderr) => {
    expect(await drover(args)).toEqual({ code: 2, stdout: '', stderr })
  })

  it('is one object on stdout with --json', async () => {
    const { code, stdout, stderr } = await drover(['plan', '--json', '--feed', 'page'])
    const message = '--feed is "page"; allowed is paged, partitioned, auto'
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'invalid-value', message, hint: 'did you mean paged?' },
      exitCode: 2,
    })
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })

  it('is found in the environment and in files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'drover-cli-'))
    try {
      const file = join(folder, 'drover.yaml')
      await writeFile(file, 'from: mongodb://h/x\nto: postgres://h/x\ndefaults:\n  batch-rowz: 1\n')
      const inFile = await drover(['migrate', '--config', file])
      expect(inFile).toMatchObject({ code: 2, stdout: '' })
      expect(inFile.stderr).toContain(
        `${file} line 4: unknown key batch-rowz in defaults\n  hint: did you mean batch-rows?`,
      )
      const inEnvironment = await drover(['migrate'], { CLUSTER_SIZE: '8000x' })
      expect(inEnvironment.code).toBe(2)
      expect(inEnvironment.stderr).toContain('CLUSTER_SIZE in the environment is "8000x"')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe.concurrent('what is asked about drover itself', () => {
  it('is answered on stdout', async () => {
    expect(await drover(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    })
    const help = await drover(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const command of ['migrate', 'plan', 'inspect', 'doctor', 'seed', 'bench', 'tune', 'demo']) {
      expect(help.stdout).toContain(`drover ${command}`)
    }
    const ofMigrate = await drover(['migrate', '--help'])
    expect(ofMigrate.stdout).toMatch(/--batch-rows .*\[default: 8000\]/)
    expect(await drover(['help', 'migrate'])).toEqual(ofMigrate)
  })
})
