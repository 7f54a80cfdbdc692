import { closest } from 'fastest-levenshtein'
import yargs from 'yargs'
import { specsOf, type Command, type OptionSpec } from '../config-options.ts'
import { DroverError } from '../core/errors.ts'
import { maskUrls } from '../core/mask-url.ts'
import { version } from './version.ts'

/** What a command line asks for: a command with its options as they were written, or a text to print. */
export type Parsed =
  | { readonly kind: 'command'; readonly command: Command; readonly flags: Readonly<Record<string, unknown>> }
  | { readonly kind: 'text'; readonly text: string }

interface Description {
  readonly usage: string
  readonly help: string
  readonly examples: readonly (readonly [string, string])[]
}

const local = '--from mongodb://localhost/shop --to postgres://localhost/shop'

export const commands: Readonly<Record<Command, Description>> = {
  migrate: {
    usage: 'migrate',
    help: 'Copy tables: creates them, copies, builds keys, verifies counts',
    examples: [
      [`drover migrate ${local}`, 'copy every table'],
      [`drover migrate ${local} --tables 'users,log_*'`, 'copy some of them'],
      ['drover migrate --config drover.yaml', 'options from a file'],
    ],
  },
  plan: {
    usage: 'plan',
    help: 'Print what migrate would do: DDL, types, rows, partitions, warnings; writes nothing',
    examples: [[`drover plan ${local} --origins`, 'and where each setting comes from']],
  },
  resume: {
    usage: 'resume [migration]',
    help: 'Finish an interrupted migration: what the ledger lacks, and nothing twice',
    examples: [
      [`drover resume ${local}`, 'go on where it stopped'],
      [`drover resume ${local} 20261121-0badcafe`, 'one of several'],
    ],
  },
  status: {
    usage: 'status [migration]',
    help: "List the migrations in the target's ledger: progress, dead letters, state",
    examples: [
      ['drover status --to postgres://localhost/shop', 'all of them'],
      ['drover status --to postgres://localhost/shop 20261121-0badcafe --letters -', 'its dead letters as NDJSON'],
    ],
  },
  verify: {
    usage: 'verify',
    help: 'Compare source and target: counts, checksums, or value by value; also tables that drover did not copy',
    examples: [
      [`drover verify ${local}`, 'sums over every value'],
      [`drover verify ${local} --level full --sample 100000`, 'value by value, some of the rows'],
    ],
  },
  retry: {
    usage: 'retry [migration]',
    help: 'Replay dead letters, as they are or repaired',
    examples: [
      ['drover retry --to postgres://localhost/shop', 'try them again'],
      ['drover retry --to postgres://localhost/shop --fix fix.ts', 'repaired by the default function of a module'],
    ],
  },
  rollback: {
    usage: 'rollback [migration]',
    help: 'Undo what a migration created, nothing else',
    examples: [['drover rollback --to postgres://localhost/shop 20261121-0badcafe', 'remove what it made']],
  },
  inspect: {
    usage: 'inspect [url]',
    help: 'Print the tables of a source, their fields and the types seen in them',
    examples: [['drover inspect mongodb://localhost/shop', 'look at a source']],
  },
  doctor: {
    usage: 'doctor',
    help: 'Check reachability, versions, rights and limits of both ends; writes nothing',
    examples: [[`drover doctor ${local}`, 'before a migration']],
  },
  seed: {
    usage: 'seed',
    help: 'Write deterministic test data into MongoDB, PostgreSQL or SQLite',
    examples: [['drover seed --to mongodb://localhost/shop --rows 100000', 'a collection of users']],
  },
  bench: {
    usage: 'bench',
    help: 'Measure modes, workers and batch sizes on scratch tables, beside what the databases themselves can do',
    examples: [
      ['drover bench --workload users,orders --rows 100000', 'test data on servers started for it'],
      [`drover bench ${local} --tables orders --modes sequential,threads`, 'a table of yours in two modes'],
    ],
  },
  tune: {
    usage: 'tune',
    help: 'Find workers, batches, feed and isolation that copy a sample fastest; prints them and can save them',
    examples: [
      [`drover tune ${local} --tables users`, 'measure with a sample of one table'],
      ['drover tune --config drover.yaml --seconds 300 --save', 'write what is faster into the file'],
    ],
  },
  demo: {
    usage: 'demo',
    help: 'Start databases of its own, seed, migrate, verify, and show what happened',
    examples: [['drover demo', 'see it at work']],
  },
}

const elsewhere =
  'Every option can stand in the environment (DROVER_BATCH_ROWS) and under defaults: in a --config file; a flag beats the environment, and the environment the file.'

/** Every name of a command, typed. */
export const commandNames: readonly Command[] = [
  'migrate',
  'plan',
  'resume',
  'status',
  'verify',
  'retry',
  'rollback',
  'inspect',
  'doctor',
  'seed',
  'bench',
  'tune',
  'demo',
]

/**
 * Takes a command line apart. Names of options are checked where their values are, so that both are said in the same
 * words. Throws `unknown-command`, `unknown-option` and `invalid-value`.
 */
export async function parseArgs(argv: readonly string[], columns: number): Promise<Parsed> {
  refuseOddNames(argv)
  let text = ''
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv
  const parsed = await createParser(columns).parseAsync(joinDashes(words), {}, (_error, _argv, output) => {
    text = output
  })
  if (text !== '') return { kind: 'text', text }
  const [word, ...others] = parsed._.map(String)
  const command = commandNames.find((name) => name === word)
  if (command === undefined) throw unknownCommand(word)
  refuseOddFlags(argv, command)
  const rest = parsed['--']
  const [extra] = [...others, ...(Array.isArray(rest) ? rest.map(String) : [])]
  if (extra !== undefined) {
    throw new DroverError('unknown-option', `unexpected argument ${JSON.stringify(maskUrls(extra))}`, {
      hint: `drover ${command} --help lists what it takes`,
    })
  }
  const flags = Object.fromEntries(Object.entries(parsed).filter(([name]) => !['_', '$0', '--'].includes(name)))
  return { kind: 'command', command, flags: command === 'inspect' ? withUrl(flags) : flags }
}

/** `--letters -` as `--letters=-`: to the parser a dash alone is an argument of the command. */
function joinDashes(argv: readonly string[]): string[] {
  const joined: string[] = []
  for (const word of argv) {
    const before = joined.at(-1)
    if (word === '-' && before?.startsWith('--') === true && before !== '--' && !before.includes('=')) {
      joined[joined.length - 1] = `${before}=-`
    } else joined.push(word)
  }
  return joined
}

/** `inspect URL` is `inspect --from URL`. */
function withUrl({ url, ...flags }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (url === undefined) return flags
  if (flags['from'] === undefined) return { ...flags, from: url }
  throw new DroverError('conflicting-options', 'the source is given twice: as an argument and by --from')
}

function createParser(columns: number): ReturnType<typeof yargs> {
  const parser = yargs()
    .scriptName('drover')
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
      'greedy-arrays': false,
      'populate--': true,
    })
    .usage('Moves MongoDB collections into PostgreSQL with a cluster of workers.\n\n$0 <command> [options]')
    .locale('en')
    .version(version())
    .help()
    .alias('help', 'h')
    .exitProcess(false)
    .fail(false)
    .wrap(columns)
    .epilogue(`${examplesText(commands.migrate.examples)}\n\n${elsewhere}`)
  for (const name of commandNames) {
    const { usage, help, examples } = commands[name]
    parser.command(usage, help, (command) => {
      for (const option of specsOf(name))
        if (option.given !== 'environment' && option.given !== 'file') command.option(option.name, shapeOf(option))
      return command.epilogue(examplesText(examples))
    })
  }
  return parser
}

function examplesText(examples: Description['examples']): string {
  return ['Examples:', ...examples.map(([line, meaning]) => `  ${line}\n      ${meaning}`)].join('\n')
}

function shapeOf({ kind, help, default: fallback }: OptionSpec<unknown>) {
  const shown = typeof fallback === 'string' || typeof fallback === 'number' ? String(fallback) : undefined
  const takes = kind.placeholder === '' ? '' : ` (${kind.placeholder})`
  return {
    boolean: kind.form === 'flag',
    string: kind.form !== 'flag',
    describe: help + takes,
    ...(shown === undefined ? {} : { defaultDescription: shown }),
  }
}

/** What the parser would not stand: `--constructor` would make it fail. */
function refuseOddNames(argv: readonly string[]): void {
  for (const { argument, name } of optionsOf(argv)) {
    if (!(name in Object.prototype)) continue
    throw new DroverError('unknown-option', `unknown option ${argument}`, { hint: 'drover --help lists the commands' })
  }
}

/** What the parser would take for something else: `--json=maybe` would silently be false. */
function refuseOddFlags(argv: readonly string[], command: Command): void {
  const flags = specsOf(command).filter(({ kind }) => kind.form === 'flag')
  for (const { name, value } of optionsOf(argv)) {
    const odd = value !== undefined && value !== 'true' && value !== 'false' && flags.some((flag) => flag.name === name)
    if (odd) throw new DroverError('invalid-value', `--${name} is ${JSON.stringify(value)}; allowed is true or false`)
  }
}

interface WrittenOption {
  readonly argument: string
  readonly name: string
  /** Behind `=`; undefined: without one. */
  readonly value: string | undefined
}

function optionsOf(argv: readonly string[]): readonly WrittenOption[] {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).flatMap((argument) => {
    const [, name, value] = /^--?([^=]+)(?:=(.*))?$/s.exec(argument) ?? []
    return name === undefined ? [] : [{ argument, name, value }]
  })
}

function unknownCommand(word: string | undefined): DroverError {
  const hint = 'drover --help lists the commands'
  if (word === undefined) return new DroverError('unknown-command', 'no command is given', { hint })
  return new DroverError('unknown-command', `unknown command ${maskUrls(word)}`, {
    hint: `did you mean ${closest(word, [...commandNames])}? ${hint}`,
  })
}
