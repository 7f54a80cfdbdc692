import { readFileSync } from 'node:fs'

/** A worker as the watch sees it. */
export interface Watched {
  readonly inFlight: { readonly size: number }
  /** The system has stopped it. */
  isPaused(): boolean
}

/** Looks that must all find a worker paused. Counted, not timed: the coordinator itself may have been paused in between. */
const LOOKS = 4

/**
 * Finds workers that have work and have been paused for about `stallMs`. Only pausing counts, and not silence: a user's
 * function may compute for as long as it likes, and its process answers nothing meanwhile.
 */
export class StallWatch<Worker extends Watched> implements Disposable {
  readonly #workers: () => Iterable<Worker>
  readonly #onStalled: (worker: Worker) => void
  readonly #paused = new Map<Worker, number>()
  readonly #timer: NodeJS.Timeout

  constructor(stallMs: number, workers: () => Iterable<Worker>, onStalled: (worker: Worker) => void) {
    this.#workers = workers
    this.#onStalled = onStalled
    this.#timer = setInterval(() => this.#look(), stallMs / LOOKS).unref()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const paused = [...this.#workers()].filter((worker) => worker.inFlight.size > 0 && worker.isPaused())
    const looks = new Map(paused.map((worker) => [worker, (this.#paused.get(worker) ?? 0) + 1]))
    this.#paused.clear()
    for (const [worker, count] of looks) {
      if (count >= LOOKS) this.#onStalled(worker)
      else this.#paused.set(worker, count)
    }
  }
}

/**
 * Whether a process is stopped by a signal, from the third field of /proc/PID/stat (man proc_pid_stat). Where there is no
 * such file, which is everywhere but on Linux, none is known to be.
 */
export function isStopped(pid: number): boolean {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    // Gone in the meantime, which its exit tells, or another system.
    return false
  }
  // The second field is the program's name in parentheses, which may hold some.
  return stat.slice(stat.lastIndexOf(')')).startsWith(') T')
}
