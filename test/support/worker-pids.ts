import { execFileSync } from 'node:child_process'

/** Worker processes of this test, by looking for children that run drover's entry file. */
export function workerPids(): number[] {
  const all = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args=']).toString().split('\n')
  return all
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match?.[2] === String(process.pid) && match[3]?.includes('workers/process'))
    .map((match) => Number(match?.[1]))
}
