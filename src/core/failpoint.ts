/**
 * Places where a test can make drover die, fail or hang. Nothing happens at any of them unless the process was armed,
 * which only its entry files do, and only where `NODE_ENV` is `test`.
 */
export const failpoints = [
  'plan.saved',
  'chunk.claimed',
  'src.cursor_open',
  'src.mid_read',
  'copy.mid_stream',
  'copy.done_before_ledger',
  'ledger.before_commit',
  'commit.sent',
  'commit.acked_before_ipc',
  'dlq.insert',
  'index.mid_build',
  'fk.validate',
  'verify.mid',
  'publish.before_commit',
  'rollback.mid_drop',
  'replay.before_commit',
] as const
export type Failpoint = (typeof failpoints)[number]

let armed: ((name: Failpoint) => Promise<void>) | null = null

/** What happens at failpoints from now on. */
export function armFailpoints(fire: (name: Failpoint) => Promise<void>): void {
  armed = fire
}

/** A failpoint. Costs a comparison where none is armed. */
export function reach(name: Failpoint): Promise<void> | undefined {
  return armed === null ? undefined : armed(name)
}
