import { readFileSync } from 'node:fs'
import { access, constants, writeFile } from 'node:fs/promises'
import { buildTuneConfig, type TuneConfig } from '../config-commands.ts'
import type { Config } from '../config.ts'
import { DroverError, toErrorShape, type ErrorShape } from '../core/errors.ts'
import { changesOf, optionOf, withSettings, type Change } from '../devkit/tune-save.ts'
import type { TuneReport } from '../devkit/tune.ts'
import { createPaint, formatCount } from '../telemetry/format.ts'
import type { Notice } from '../telemetry/progress.ts'
import { hasColor, startWatch, type CommandContext, type Watch } from './context.ts'
import { exitCodeOfErrors } from './exit-codes.ts'
import { describeDifference, describeSetting, renderTune } from './tune-text.ts'

export async function tune(context: CommandContext): Promise<number> {
  const { inputs, output, interrupts } = context
  const config = buildTuneConfig(inputs)
  output.protect(config.now.from)
  output.protect(config.now.to)
  const file = config.save ? await fileToSave(config) : null
  using watch = await startWatch(context, config)
  const report = await measure(context, config, watch)
  const changes = changesOf(report.start, report.recommended)
  const { saved, error } = file === null ? notAsked : await keep(context, file, changes, watch)
  watch.reporter.close()
  const exitCode = exitCodeOfErrors(error === null ? [] : [error], interrupts.caught())
  if (config.json) output.json({ ...report, changes, saved, error: error && output.shapeOf(error), exitCode })
  else {
    output.result(renderTune(report, changes, createPaint(hasColor(process.stdout, inputs.environment))))
    if (saved !== null) output.result(`  written to ${saved}`)
    else if (file === null && changes.length > 0) output.result('  --save writes it to the file of --config')
  }
  if (error !== null) output.error(error)
  return exitCode
}

async function measure({ inputs }: CommandContext, config: TuneConfig, watch: Watch): Promise<TuneReport> {
  const devkit = await import('../devkit/tune.ts')
  const { now, configFile, envFile, workers, batchRows, batchBytes, feed, isolation } = config
  const tell = (level: Notice['level']) => (message: string) => watch.reporter.notice({ level, message })
  const say = tell('info')
  let runs = 0
  return devkit.tune(
    {
      from: now.from,
      to: now.to,
      tables: now.tables,
      rows: config.rows,
      repeats: config.repeats,
      seconds: config.seconds,
      asked: { workers, batchRows, batchBytes, feed, isolation },
      now: { batchRows: now.batchRows, batchBytes: now.batchBytes },
      args: [
        ...(configFile === null ? [] : ['--config', configFile]),
        ...(envFile === null ? [] : ['--env-file', envFile]),
      ],
      environment: inputs.environment,
      clientEnvironment: now.clientEnvironment,
      onLine: say,
      onWarning: tell('warning'),
      onStart: (start) => say(`begun with ${describeSetting(start)}`),
      onRun: (setting, start, { rowsPerSecond }) => {
        const what = describeDifference(setting, start) || 'as begun'
        say(`run ${String(++runs).padStart(2)}  ${formatCount(rowsPerSecond).padStart(9)} rows/s  ${what}`)
      },
    },
    watch.signal,
  )
}

/** Known before minutes of measuring: there is a file, and it can be written to. */
async function fileToSave({ configFile }: TuneConfig): Promise<string> {
  if (configFile === null) {
    throw new DroverError('missing-option', '--save needs --config, the file that gets the settings', {
      hint: 'an empty file will do',
    })
  }
  try {
    await access(configFile, constants.W_OK)
  } catch (error) {
    throw new DroverError('invalid-config', `the config file ${configFile} cannot be written to`, { cause: error })
  }
  return configFile
}

interface Kept {
  /** The file that has the settings now; null: none. */
  readonly saved: string | null
  readonly error: ErrorShape | null
}

const notAsked: Kept = { saved: null, error: null }

/** Never throws what a user can cause: what was measured is shown all the same. */
async function keep({ inputs }: CommandContext, path: string, changes: readonly Change[], watch: Watch): Promise<Kept> {
  try {
    if (changes.length === 0) throw nothingToSave(path)
    const text = withSettings(readFileSync(path, 'utf8'), changes)
    const readFile = (name: string): string => (name === path ? text : readFileSync(name, 'utf8'))
    // Written only where the file is still one that a run takes.
    const { now } = buildTuneConfig({ ...inputs, readFile })
    await writeFile(path, text)
    for (const message of overruled(now, changes)) watch.reporter.notice({ level: 'warning', message })
    return { saved: path, error: null }
  } catch (error) {
    if (error instanceof DroverError) return { saved: null, error: toErrorShape(error) }
    throw error
  }
}

/** What is in the file and without effect, one sentence each. */
function overruled(now: Config, changes: readonly Change[]): readonly string[] {
  const others = changes.filter(({ axis, to }) => now[axis] !== to)
  return others.map(({ axis, to }) => {
    const option = optionOf[axis]
    return `${option} ${to} is written to the file, and ${now.origin(option)} overrules it with ${now[axis]}`
  })
}

function nothingToSave(path: string): DroverError {
  const message = `no setting was seen to be faster than what is set now by more than the spread, so ${path} is left as it is`
  return new DroverError('no-clear-winner', message, {
    hint: 'a larger sample (--rows), more --repeats and a machine that does nothing else make the spread smaller',
  })
}
