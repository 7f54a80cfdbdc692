import { pino } from 'pino'
import { printableLines } from './format.ts'
import type { Notice } from './progress.ts'

/** Lines of JSON, one object each: `level`, `time` (ISO 8601), `event` and what belongs to it. */
export interface JsonLog {
  event(level: Notice['level'], event: string, fields: object): void
}

/** `write` gets whole lines and takes the secrets out of them. */
export function createJsonLog(write: (line: string) => void): JsonLog {
  const logger = pino(
    {
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label === 'warn' ? 'warning' : label }) },
    },
    // pino escapes what JSON makes it escape, which are not all characters that terminals obey.
    { write: (line: string) => write(printableLines(line)) },
  )
  return {
    event: (level, event, fields) => logger[level === 'warning' ? 'warn' : level]({ event, ...fields }),
  }
}
