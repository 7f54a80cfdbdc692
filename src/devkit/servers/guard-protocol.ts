/** A program to run. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
}

export interface SystemUser {
  readonly uid: number
  readonly gid: number
}

/** The one line of JSON that a watchdog reads from its standard input. */
export interface GuardOrder {
  /** Absolute; must not exist. Made with mode 700 for `user`, and removed at the end. */
  readonly folder: string
  /** Files to write into it first, with mode 600: path within the folder, content. */
  readonly files: Readonly<Record<string, string>>
  /** Run one after the other before the server; each must exit with 0. */
  readonly prepare: readonly Command[]
  readonly serve: Command
  /** The server writes this when it takes connections. */
  readonly readyText: string
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
  /** Sent when the server has not ended in time; SIGKILL follows in any case. */
  readonly urgentSignal: 'SIGQUIT' | 'SIGKILL'
  /** Who runs the programs; null: whoever runs us. */
  readonly user: SystemUser | null
}

/** A line of JSON that a watchdog writes to its standard output. */
export type GuardReport =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'ready' }
  /** The server, or a program before it, has ended by itself; `output` is the end of what it wrote. */
  | { readonly kind: 'failed'; readonly output: string }
