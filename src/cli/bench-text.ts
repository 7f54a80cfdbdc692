import type { BenchReport, BenchSection, Beside, Limit, Limits, Measurement } from '../devkit/bench-report.ts'
import { formatBytes, formatCount, renderColumns, type Column } from '../telemetry/format.ts'

const none = '–'

/** Everything that was measured, and what it was measured on. */
export function renderBench({ surroundings, measuredAt, repeats, sections }: BenchReport): string {
  const { cpu, cores, memoryBytes, platform, node, mongodb, source, postgresql, settings } = surroundings
  const from = mongodb === null ? source : `MongoDB ${mongodb}`
  const servers = [...(from === null ? [] : [from]), `PostgreSQL ${postgresql}`]
  const often = repeats === 1 ? 'each thing once' : `the median of ${repeats} each`
  return [
    `Measured on ${measuredAt.slice(0, 10)}, ${often}`,
    `  ${cores} × ${cpu}, ${formatBytes(memoryBytes)} of memory, ${platform}`,
    `  Node ${node}, ${servers.join(', ')}`,
    `  ${Object.entries(settings)
      .map((pair) => pair.join(' = '))
      .join(', ')}`,
    ...sections.flatMap((section) => ['', ...renderSection(section, { repeats, bson: surroundings.source === null })]),
  ].join('\n')
}

const sources: { readonly [source in BenchSection['source']]: string } = {
  server: 'from the server',
  dump: 'from a BSON dump',
  address: 'from --from',
}

function renderSection(
  section: BenchSection,
  { repeats, bson }: { readonly repeats: number; readonly bson: boolean },
): readonly string[] {
  const { name, note, source, table, transform, rows, bytes, measurements, limits, beside } = section
  const facts = [
    ...(name === table ? [] : [table]),
    `${formatCount(rows)} rows`,
    `${formatBytes(bytes)} ${bson ? 'of BSON ' : ''}${sources[source]}`,
    ...(transform === null ? [] : [`every row through ${transform}`]),
  ]
  const title = `${name}: ${facts.join(', ')}`
  const labels = labelsOf(measurements)
  const blocks = [
    note === null ? [title] : [title, `  ${note}`],
    renderSpeed(measurements, beside, labels, repeats),
    renderCost(measurements, labels),
    limits === null ? [] : renderLimits(limits, source, repeats),
    renderBeside(beside, repeats),
  ]
  return blocks.filter((block) => block.length > 0).flatMap((block, at) => (at === 0 ? block : ['', ...block]))
}

const modeNames: { readonly [mode in Measurement['mode']]: (workers: number) => string } = {
  sequential: () => 'sequential',
  inline: (workers) => `${workers} inline`,
  threads: (workers) => counted(workers, 'thread'),
  processes: (workers) => (workers === 1 ? '1 process' : `${workers} processes`),
  'multi-insert': () => 'multi-row INSERT',
  insert: () => 'row INSERT',
}

/** With the size of the batches where there are several sizes. */
function labelsOf(measurements: readonly Measurement[]): readonly string[] {
  const ofDrover = measurements.filter(({ stages }) => stages !== null)
  const several = new Set(ofDrover.map(({ batchRows }) => batchRows)).size > 1
  return measurements.map(({ mode, workers, batchRows, stages, scaledFromRows }) => {
    const name = modeNames[mode](workers)
    if (scaledFromRows !== null) return `${name}, scaled from ${formatCount(scaledFromRows)} rows`
    return several && stages !== null ? `${name}, batches of ${formatCount(batchRows)}` : name
  })
}

function renderSpeed(
  measurements: readonly Measurement[],
  beside: readonly Beside[],
  labels: readonly string[],
  repeats: number,
): readonly string[] {
  const titles = [
    '',
    'seconds',
    ...spreadTitle(repeats),
    'rows/s',
    '× sequential',
    'time ÷ reference',
    'time ÷ limit',
    ...beside.map(({ name }) => `time ÷ ${name}`),
    'verified',
  ]
  const lines = measurements.map((run, at) => [
    labels[at] ?? '',
    figure(run.seconds),
    ...spreadOf(run, repeats),
    pace(run.rowsPerSecond),
    figure(run.timesSequential),
    figure(run.timesReference),
    figure(run.timesLimit),
    ...beside.map(({ seconds }) => figure(seconds === 0 ? null : run.seconds / seconds)),
    run.rowsVerified === null ? 'no' : formatCount(run.rowsVerified),
  ])
  return table(titles, lines)
}

/** Seconds of each stage, added up over the workers, and what the run cost beside time. */
function renderCost(measurements: readonly Measurement[], labels: readonly string[]): readonly string[] {
  const titles = ['', 'start', 'copy', 'read', 'transform', 'encode', 'write', 'commit', 'index', 'memory', 'CPU']
  const servers = ['MongoDB', 'PostgreSQL', 'cores left']
  const lines = measurements.flatMap((run, at) => {
    const { stages } = run
    if (stages === null) return []
    const { read, transform, encode, write, commit, index } = stages
    return [
      [
        labels[at] ?? '',
        ...[run.startSeconds, run.copySeconds, read, transform, encode, write, commit, index].map(figure),
        memoryOf(run),
        figure(run.cpuSeconds),
        figure(run.serverCpu?.mongodb ?? null),
        figure(run.serverCpu?.postgresql ?? null),
        figure(run.coresLeft),
      ],
    ]
  })
  return table([...titles, ...servers], lines)
}

/** Of several processes that of the coordinator and of the largest worker. */
function memoryOf({ processes, peakRssBytes }: Measurement): string {
  const peaks = (role: 'coordinator' | 'worker'): readonly number[] =>
    (processes ?? []).filter((one) => one.role === role).map((one) => one.peakRssBytes)
  const [coordinator] = peaks('coordinator')
  const workers = peaks('worker')
  if (coordinator !== undefined && workers.length > 0) {
    return `${formatBytes(coordinator)} + ${workers.length} × ${formatBytes(Math.max(...workers))}`
  }
  const all = coordinator ?? peakRssBytes
  return all === null ? none : formatBytes(all)
}

function renderLimits(limits: Limits, source: BenchSection['source'], repeats: number): readonly string[] {
  const { rawRead, readyCopy, seconds, reference } = limits
  const { rows } = readyCopy
  const sum: readonly string[] = ['(c) fastest (a) + (b)', figure(seconds), ...spreadTitle(repeats).map(() => '')]
  const lines = [
    ...rawRead.map((limit) => limitLine(`(a) raw read, ${counted(limit.connections, 'connection')}`, limit, repeats)),
    limitLine(`(b) ready-made COPY, ${counted(readyCopy.connections, 'connection')}`, readyCopy, repeats),
    ...(rawRead.length === 0 ? [] : [[...sum, pace(rows / seconds)]]),
    ...(reference === null
      ? []
      : [limitLine(`(d) reference loop, ${counted(reference.connections, 'thread')}`, reference, repeats)]),
  ]
  const titles = ['limits', 'seconds', ...spreadTitle(repeats), 'rows/s', 'MB/s', 'memory', 'CPU']
  const measured = rawRead.length === 0 && source !== 'address' ? 'limit: (b)' : 'limit: (c)'
  return [
    ...table(titles, lines),
    `  ${measured}${reference === null ? '' : '; reference: (d), from its process’s start to the built key'}`,
  ]
}

/** Other programs for the same rows, or a part of the work. */
function renderBeside(beside: readonly Beside[], repeats: number): readonly string[] {
  const titles = ['beside', 'seconds', ...spreadTitle(repeats), 'rows/s', 'memory', 'rows found']
  const lines = beside.map((one) => [
    one.name,
    figure(one.seconds),
    ...spreadOf(one, repeats),
    pace(one.rows / one.seconds),
    one.peakRssBytes === null ? none : formatBytes(one.peakRssBytes),
    formatCount(one.rows),
  ])
  const notes = beside.map(({ name, does, version }) => `  ${name}: ${does}${version === null ? '' : ` (${version})`}`)
  return [...table(titles, lines), ...notes]
}

function limitLine(label: string, limit: Limit, repeats: number): readonly string[] {
  const { seconds, rows, bytes, peakRssBytes, cpuSeconds } = limit
  return [
    label,
    figure(seconds),
    ...spreadOf(limit, repeats),
    pace(rows / seconds),
    pace(bytes / 1e6 / seconds),
    formatBytes(peakRssBytes),
    figure(cpuSeconds),
  ]
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function spreadTitle(repeats: number): readonly string[] {
  return repeats === 1 ? [] : ['from – to']
}

function spreadOf({ allSeconds }: { readonly allSeconds: readonly number[] }, repeats: number): readonly string[] {
  if (repeats === 1) return []
  return [allSeconds.length === 1 ? none : `${figure(Math.min(...allSeconds))} – ${figure(Math.max(...allSeconds))}`]
}

/** Of rows or megabytes a second. */
function pace(value: number): string {
  return value < 99.95 ? value.toFixed(1) : formatCount(value)
}

function figure(value: number | null): string {
  return value === null ? none : value.toFixed(2)
}

/** Without columns that have nothing to tell. */
function table(titles: readonly string[], lines: readonly (readonly string[])[]): readonly string[] {
  if (lines.length === 0) return []
  const told = titles.map((_, at) => at === 0 || lines.some((line) => (line[at] ?? none) !== none))
  const columns = titles.map((title, at): Column => ({ title, align: at === 0 ? 'left' : 'right' }))
  const cells = lines.map((line) => line.filter((_, at) => told[at]))
  return renderColumns(
    columns.filter((_, at) => told[at]),
    cells,
  ).map((line) => `  ${line}`)
}
