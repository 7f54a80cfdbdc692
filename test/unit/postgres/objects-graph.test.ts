import { describe, expect, it } from 'vitest'
import { DependencyGraph, type Dependency } from '../../../src/connectors/postgres/source/objects-graph.ts'

/** `from kind to`, as pg_depend has it. */
function graphOf(lines: readonly string[], free: readonly string[] = []): DependencyGraph {
  const dependencies = lines.map((line): Dependency => {
    const [from = '', kind = '', to = ''] = line.split(' ')
    return { from, kind, to }
  })
  return new DependencyGraph(dependencies, new Set(free))
}

describe('a graph of dependencies', () => {
  it('takes parts for what they are parts of', () => {
    const graph = graphOf([
      'default a table',
      'default n function',
      'rowtype i table',
      'array i rowtype',
      'view n array',
      'index a table',
      'index n opclass',
      'opclass a opfamily',
      'opfamily e extension',
    ])
    expect(graph.wholeOf('array')).toBe('table')
    expect(graph.wholeOf('opclass')).toBe('extension')
    expect(graph.needsOf('view')).toEqual(new Set(['table']))
    expect(graph.needsOf('table')).toEqual(new Set(['function', 'extension']))
  })

  it('prefers what it belongs to most, wherever that stands', () => {
    const graph = graphOf([
      'index P above',
      'index S table',
      'index i constraint',
      'constraint a table',
      'index e extension',
    ])
    expect(graph.wholeOf('index')).toBe('extension')
    expect(graphOf(['index P above', 'index a table']).wholeOf('index')).toBe('table')
  })

  it('knows things of their own in spite of an owner', () => {
    const lines = ['sequence a table', 'default a other', 'default n sequence']
    expect(graphOf(lines).needsOf('other')).toEqual(new Set(['table']))
    const graph = graphOf(lines, ['sequence'])
    expect(graph.needsOf('other')).toEqual(new Set(['sequence']))
    expect(graph.needsOf('sequence')).toEqual(new Set())
  })

  it('ends where it is told to', () => {
    const graph = graphOf(['view n table', 'table n type', 'type n schema', 'view n schema2'])
    expect(graph.allNeedsOf(['view'])).toEqual(new Set(['table', 'type', 'schema', 'schema2']))
    expect(graph.allNeedsOf(['view'], (whole) => whole === 'table')).toEqual(new Set(['table', 'schema2']))
  })

  it('sorts by need, and else leaves the order', () => {
    const graph = graphOf(['a n c', 'c n d', 'b n elsewhere', 'x n y', 'y n x'])
    expect(graph.inOrder(['a', 'b', 'c', 'd'])).toEqual({ sorted: ['b', 'd', 'c', 'a'], circles: [] })
    expect(graph.inOrder(['x', 'b', 'y'])).toEqual({ sorted: ['b'], circles: ['x', 'y'] })
  })
})
