import { open } from 'node:fs/promises'
import { buildLedgerConfig } from '../config-commands.ts'
import type { MigrationSummary } from '../connectors/ledger-contract.ts'
import { DroverError } from '../core/errors.ts'
import { createPaint, printable } from '../telemetry/format.ts'
import { hasColor, startWatch, type CommandContext } from './context.ts'
import { letterAsJson } from './letter-json.ts'
import { renderStatus, statusAsJson } from './status-text.ts'

export async function status(context: CommandContext): Promise<number> {
  const { inputs, output } = context
  const config = buildLedgerConfig('status', inputs)
  output.protect(config.to)
  const { listMigrations, readLetters } = await import('../migrate-status.ts')
  using watch = await startWatch(context, config)
  const { signal } = watch
  const migrations = await listMigrations(config, config.migration, signal)
  if (config.letters === null) {
    if (config.json) output.json({ migrations: migrations.map(statusAsJson), exitCode: 0 })
    else output.result(renderStatus(migrations, createPaint(hasColor(process.stdout, inputs.environment))))
    return 0
  }
  const letters = readLetters(config, only(migrations), signal)
  if (config.letters === '-') for await (const letter of letters) output.json(letterAsJson(letter))
  else await saveLetters(config.letters, letters)
  return 0
}

/** Rows are nobody else's to read, and a file that is there is nobody's to replace. */
async function saveLetters(path: string, letters: AsyncIterable<Parameters<typeof letterAsJson>[0]>): Promise<void> {
  try {
    await using file = await open(path, 'wx', 0o600)
    for await (const letter of letters) await file.write(`${printable(JSON.stringify(letterAsJson(letter)))}\n`)
  } catch (error) {
    if (error instanceof DroverError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new DroverError('invalid-value', `the dead letters cannot be saved: ${reason}`, {
      hint: 'name another file, or remove the one that is there',
      cause: error,
    })
  }
}

/** The migration that letters are asked of: the only one that has any. */
function only(migrations: readonly MigrationSummary[]): MigrationSummary {
  const [only] = migrations
  if (migrations.length === 1 && only !== undefined) return only
  const having = migrations.filter(({ tables }) => tables.some(({ openLetters }) => openLetters > 0))
  const [first, ...others] = having
  if (first !== undefined && others.length === 0) return first
  if (first === undefined) throw new DroverError('missing-migration', 'no migration has dead letters')
  throw new DroverError(
    'several-migrations',
    `several migrations have dead letters: ${having.map(({ id }) => id).join(', ')}`,
    {
      hint: 'say which: drover status ID --letters FILE',
    },
  )
}
