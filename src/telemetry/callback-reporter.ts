import type { Notice, Progress, Reporter } from './progress.ts'

/** Hands a run to the library's caller. A callback that throws never stops the run: it is reported once and no longer called. */
export function createCallbackReporter(
  onProgress: ((progress: Progress) => void) | undefined,
  onNotice: ((notice: Notice) => void) | undefined,
): Reporter {
  let progress = onProgress
  let notice = onNotice
  const tell = (message: Notice): void => {
    try {
      notice?.(message)
    } catch {
      // There is nobody left to tell.
      notice = undefined
    }
  }
  return {
    progress: (picture) => {
      try {
        progress?.(picture)
      } catch (error) {
        progress = undefined
        tell({ level: 'warning', message: `onProgress threw and is no longer called: ${String(error)}` })
      }
    },
    notice: tell,
    close: () => undefined,
  }
}
