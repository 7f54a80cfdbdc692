import { text } from 'node:stream/consumers'
import type { ProgramOrders, ProgramResult } from '../../src/devkit/bench-programs.ts'

/** What the program was told on stdin. */
export async function readOrder<N extends keyof ProgramOrders>(_name: N): Promise<ProgramOrders[N]> {
  return JSON.parse(await text(process.stdin)) as ProgramOrders[N]
}

/** Time and CPU time of this process and all its threads since an earlier moment. */
export interface Stopwatch {
  read(): { readonly seconds: number; readonly cpuSeconds: number }
}

export function startStopwatch(): Stopwatch {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  return {
    read() {
      const { user, system } = process.cpuUsage(before)
      return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: (user + system) / 1e6 }
    },
  }
}

export function printResult(result: Omit<ProgramResult, 'peakRssBytes'>): void {
  const peakRssBytes = process.resourceUsage().maxRSS * 1024
  console.log(JSON.stringify({ ...result, peakRssBytes } satisfies ProgramResult))
}
