import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the runtime from giving new objects more and more room before it looks which of them are still in use. Most of
 * what drover makes is used up at once, so that a small room is as good, in every thread of this process, and takes 20
 * to 60 MB less: docs/decisions has the figures. For a process that is drover's own.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
