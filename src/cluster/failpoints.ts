import { closest } from 'fastest-levenshtein'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DroverError } from '../core/errors.ts'
import { armFailpoints, failpoints, type Failpoint } from '../core/failpoint.ts'

/** The process's environment or a part of it, handed in. */
type Environment = Readonly<Record<string, string | undefined>>

const actions = ['kill9', 'exit', 'throw', 'hang'] as const
type Action = (typeof actions)[number]

/** What happens when a failpoint is passed for the `nth` time. */
export interface ArmedFailpoint {
  readonly name: Failpoint
  readonly action: Action
  /** Counted from 1, in each process or thread by itself. */
  readonly nth: number
}

/** Exit status of the action `exit`: none that drover has. */
const EXIT_STATUS = 99

/** Longest delay of a timer; what it does in the end does not matter. */
const FOR_EVER_MS = 2 ** 31 - 1

/**
 * Arms the failpoints of `DROVER_FAILPOINTS`, where `NODE_ENV` is `test`. With `DROVER_FAILPOINT_DIR`, each of them
 * leaves a file in that folder before it fires, and does not fire where the file is there: once for all processes that
 * share the folder, restarts included. Throws `invalid-value`.
 */
export function armFromEnvironment(environment: Environment): void {
  const { NODE_ENV, DROVER_FAILPOINTS, DROVER_FAILPOINT_DIR: folder } = environment
  if (NODE_ENV !== 'test' || DROVER_FAILPOINTS === undefined || DROVER_FAILPOINTS === '') return
  const chosen = parseFailpoints(DROVER_FAILPOINTS)
  const passes = new Map<Failpoint, number>()
  armFailpoints(async (name) => {
    const pass = (passes.get(name) ?? 0) + 1
    passes.set(name, pass)
    for (const armed of chosen) {
      if (armed.name === name && armed.nth === pass && (folder === undefined || isFirst(folder, armed)))
        await act(armed)
    }
  })
}

/** `name:action[:nth]`, separated by commas; `nth` is 1 unless it is said. Throws `invalid-value`. */
export function parseFailpoints(text: string): readonly ArmedFailpoint[] {
  return text.split(',').map((word) => {
    const [name = '', action = '', nth = '1', ...rest] = word.trim().split(':')
    if (!/^[1-9]\d{0,8}$/.test(nth) || rest.length > 0) {
      throw new DroverError('invalid-value', `${JSON.stringify(word)} is no failpoint`, {
        hint: 'write name:action:nth, where nth counts from 1',
      })
    }
    return {
      name: chosenOf(name, failpoints, 'failpoint'),
      action: chosenOf(action, actions, 'action'),
      nth: Number(nth),
    }
  })
}

function chosenOf<T extends string>(word: string, known: readonly T[], what: string): T {
  const found = known.find((name) => name === word)
  if (found !== undefined) return found
  throw new DroverError('invalid-value', `${JSON.stringify(word)} is no ${what}`, {
    hint: `did you mean ${closest(word, [...known])}? Known are ${known.join(', ')}`,
  })
}

/** Only one process can make the file. */
function isFirst(folder: string, { name, action, nth }: ArmedFailpoint): boolean {
  try {
    writeFileSync(join(folder, `${name}-${action}-${nth}`), '', { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

async function act({ name, action, nth }: ArmedFailpoint): Promise<void> {
  switch (action) {
    case 'kill9':
      process.kill(process.pid, 'SIGKILL')
      return
    case 'exit':
      return process.exit(EXIT_STATUS)
    case 'throw':
      throw new Error(`failpoint ${name}, pass ${nth}`)
    case 'hang':
      // The timer keeps the process alive, which a promise alone does not.
      return new Promise(() => void setInterval(() => undefined, FOR_EVER_MS))
  }
}
