import type { Ledger } from '../connectors/ledger-contract.ts'

/** Runs something that is safe to repeat until it succeeds, or is not worth another try. */
export type Steadily = <T>(attempt: () => Promise<T>) => Promise<T>

/** Where what a method does is not safe to repeat: a lease belongs to a session, and a migration begins once. */
const once: ReadonlySet<string | symbol> = new Set(['lease', 'begin', Symbol.asyncDispose])

/** A ledger whose methods outlast faults that pass. */
export function steadyLedger(ledger: Ledger, steadily: Steadily): Ledger {
  return new Proxy(ledger, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      const call = (...given: unknown[]): unknown => Reflect.apply(member, target, given)
      return once.has(name) ? call : (...given: unknown[]) => steadily(async () => call(...given))
    },
  })
}
