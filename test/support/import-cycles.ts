import type { Module } from './parse-module.ts'

export interface Cycle {
  /** The file that closes the circle, and the line of the import that does. */
  readonly path: string
  readonly line: number
  /** The files in order of import; the first is also the last. */
  readonly circle: readonly string[]
}

/** Circles of relative imports: each import that leads back to a file on the way to it is reported once. */
export function findCycles(modules: readonly Module[]): readonly Cycle[] {
  const byPath = new Map(modules.map((module) => [module.path, module]))
  const done = new Set<string>()
  const cycles: Cycle[] = []

  const visit = (module: Module, way: readonly string[]): void => {
    const here = [...way, module.path]
    for (const { target, line } of module.imports) {
      if (target === null) continue
      const start = here.indexOf(target)
      if (start !== -1) {
        cycles.push({ path: module.path, line, circle: [...here.slice(start), target] })
        continue
      }
      const next = byPath.get(target)
      if (next !== undefined && !done.has(target)) visit(next, here)
    }
    done.add(module.path)
  }

  for (const module of modules) if (!done.has(module.path)) visit(module, [])
  return cycles
}
