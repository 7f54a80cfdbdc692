import { Writable } from 'node:stream'
import { answer } from '../../src/cli/main.ts'
import { Output } from '../../src/cli/output.ts'
import type { Interrupts } from '../../src/cli/signals.ts'
import { childEnvironment } from './child-environment.ts'
import { never } from './migration.ts'
import type { Ended } from './run-bin.ts'

/**
 * Runs a command line as run-bin.ts does, but in this process: for tests of what commands do and say, which would spend
 * most of their time on starting processes.
 */
export async function droverHere(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const [stdout, stderr] = [new Collected(), new Collected()]
  const code = await answer(args, {
    environment: childEnvironment({ DROVER_ISOLATION: 'inline', ...environment }),
    output: new Output(stdout, stderr),
    interrupts: nobodyInterrupts,
  })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

const nobodyInterrupts: Interrupts = {
  signal: never,
  caught: () => null,
  beforeLeaving: () => undefined,
  onReread: () => undefined,
  [Symbol.dispose]: () => undefined,
}

class Collected extends Writable {
  readonly #chunks: Buffer[] = []

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk)
    done()
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString()
  }
}
