/** How progress is shown: in place, a line per interval, an object per interval, not at all, or by what is looking. */
export type ProgressKind = 'auto' | 'bar' | 'lines' | 'json' | 'none'

/** The least that is worth a line. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'none'
