/** The entry file of a worker: TypeScript next to TypeScript sources, JavaScript in the built package. */
export function workerEntry(kind: 'thread' | 'process'): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`../../workers/${kind}.${extension}`, import.meta.url)
}
