import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand, runOrThrow } from './support/run-command.ts'

const root = join(import.meta.dirname, '..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }

/** A project of somebody who has installed the package; empty otherwise. */
const project = realpathSync(mkdtempSync(join(tmpdir(), 'drover-pack-')))
let packed: readonly string[] = []

beforeAll(async () => {
  // `npm pack` builds first (prepack), whose words stand before the JSON.
  const output = await runOrThrow('npm', ['pack', '--json', '--pack-destination', project], root)
  const [tarball] = JSON.parse(output.slice(output.search(/^\[/m))) as readonly PackedTarball[]
  if (tarball === undefined) throw new Error(`npm pack answered no tarball: ${output}`)
  packed = tarball.files.map((file) => file.path)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const flags = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  await runOrThrow('npm', ['install', ...flags, join(project, tarball.filename)], project)
})

afterAll(() => {
  rmSync(project, { recursive: true, force: true })
})

interface PackedTarball {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

describe('the package', () => {
  it('holds the build, its types and the words that go with it, and nothing else', () => {
    expect(packed).toEqual(
      expect.arrayContaining(['bin/drover.js', 'dist/src/index.js', 'dist/src/index.d.ts', 'LICENSE', 'README.md']),
    )
    expect(packed.filter((path) => path.startsWith('dist/workers/') && path.endsWith('.js'))).not.toEqual([])
    const strange = packed.filter(
      (path) => !/^(?:bin\/drover\.js|dist\/.+\.(?:js|d\.ts)|[A-Z]+\.md|LICENSE|package\.json)$/.test(path),
    )
    expect(strange).toEqual([])
  })

  it('runs as a command', async () => {
    const printed = await runCommand('npx', ['--no-install', 'drover', '--version'], project)
    expect(printed).toMatchObject({ status: 0, stdout: expect.stringContaining(version) })
    const help = await runCommand('npx', ['--no-install', 'drover', '--help'], project)
    expect(help).toMatchObject({ status: 0, stdout: expect.stringContaining('migrate') })
    const mistake = await runCommand('npx', ['--no-install', 'drover', 'migrate', '--no-such-option'], project)
    expect(mistake).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('no-such-option') })
  })

  it('has its failpoints armed in tests only', async () => {
    const drover = ['npx', '--no-install', 'drover', '--version']
    const armed = 'DROVER_FAILPOINTS=no.such.place:kill9'
    expect(await runCommand('env', ['-u', 'NODE_ENV', armed, ...drover], project)).toMatchObject({ status: 0 })
    expect(await runCommand('env', ['NODE_ENV=production', armed, ...drover], project)).toMatchObject({ status: 0 })
    expect(await runCommand('env', ['NODE_ENV=test', armed, ...drover], project)).toMatchObject({ status: 2 })
  })

  it('runs as a library', async () => {
    const script = `
      import { migrate } from 'drover'
      try {
        await migrate({ from: 'mongodb://localhost/shop', to: 'nowhere://localhost/shop' })
      } catch (error) {
        console.log(error.code)
      }`
    writeFileSync(join(project, 'script.js'), script)
    expect(await runOrThrow(process.execPath, ['script.js'], project)).toBe('unknown-scheme\n')
  })

  it('has types that a strict project can use, and that refuse what is wrong', async () => {
    const consumer = `
      import { migrate, type MigrateOptions } from 'drover'
      const options: MigrateOptions = { from: 'mongodb://localhost/shop', to: 'postgres://localhost/shop', workers: 2 }
      export const written: Promise<number> = migrate(options).then((result) => result.totals.written)
      // @ts-expect-error 'sheep' is no number of workers
      export const wrong: MigrateOptions = { ...options, workers: 'sheep' }
    `
    writeFileSync(join(project, 'consumer.ts'), consumer)
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(consumerSettings))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    expect(await runCommand(process.execPath, [compiler, '-p', '.'], project)).toMatchObject({ status: 0, stdout: '' })
  })
})

// Libraries are checked too: our declarations must not need packages that a consumer does not get.
const consumerSettings = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  },
  files: ['consumer.ts'],
}
