import type { Finding } from '../contract.ts'
import type { Session } from './session.ts'

/** Whoever hands out the process that waits longest gives one session two in a row; the other way, two sessions one. */
const looks = 3

/**
 * A pooler that gives its sessions a process of the server for one transaction at a time breaks all that a session has:
 * locks, of which the lease is made, and settings. It shows where a session's process changes, or where two sessions have
 * the same. Looks only: a lock that is taken to see whether it holds could be left behind in the pool.
 */
export async function checkPooling(
  first: Session,
  second: Session,
  side: 'source' | 'target' = 'target',
): Promise<readonly Finding[]> {
  const [one, other] = [new Set<number>(), new Set<number>()]
  for (let look = 0; look < looks; look++) {
    one.add(await processOf(first))
    one.add(await processOf(first))
    other.add(await processOf(second))
  }
  const shared = [...other].some((process) => one.has(process))
  if (one.size === 1 && other.size === 1 && !shared) return []
  return [
    {
      level: 'error',
      error: {
        code: 'pooled-connection',
        message: `a connection pooler before the ${side} lends its connections for a transaction at a time: locks and settings of a session do not hold`,
        hint: `name the server itself in ${side === 'target' ? '--to' : '--from'}, or a pool in session mode`,
      },
    },
  ]
}

async function processOf(session: Session): Promise<number> {
  const { rows } = await session.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid')
  const [row] = rows
  if (row === undefined) throw new TypeError('the server has not said its process')
  return row.pid
}
