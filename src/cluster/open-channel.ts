import type { Isolation } from '../core/result.ts'
import type { Channel } from './channel.ts'
import { workerEntry } from './entries.ts'
import { inlineChannel } from './inline-channel.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { processChannel } from './process-channel.ts'
import { serve, type OpenWorker } from './serve.ts'
import { threadChannel } from './thread-channel.ts'

export interface WorkerMake<Start, Work, Note, Result, Totals, Question = never, Answer = never> {
  readonly isolation: Isolation
  /** Entry file of a thread or process, in place of drover's own. */
  readonly entry?: URL | undefined
  /** What runs as worker where the isolation is `inline`. */
  readonly inline: OpenWorker<Start, Work, Note, Result, Totals, Question, Answer>
}

/** Spawns a worker of the isolation asked for. Throws what the system throws when it cannot. */
export function openChannel<Start, Work, Note, Result, Totals, Question, Answer>(
  make: WorkerMake<Start, Work, Note, Result, Totals, Question, Answer>,
): Channel<ToWorker<Start, Work, Answer>, FromWorker<Note, Result, Totals, Question>> {
  switch (make.isolation) {
    case 'threads':
      return threadChannel(make.entry ?? workerEntry('thread'))
    case 'processes':
      return processChannel(make.entry ?? workerEntry('process'))
    case 'inline':
      return inlineChannel((endpoint) => serve(endpoint, make.inline))
  }
}
