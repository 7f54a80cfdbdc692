import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkArchitecture, formatViolation, type SourceFile } from './support/architecture.ts'

const root = join(import.meta.dirname, '..')

function sourceFiles(): readonly SourceFile[] {
  const found = ['src', 'workers'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/')),
  )
  return ['params.ts', ...found].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

describe('architecture', () => {
  const files = sourceFiles()

  it('finds the files it is to check', () => {
    const paths = files.map((file) => file.path)
    expect(paths).toContain('src/core/errors.ts')
    expect(paths).toContain('src/migrate.ts')
    expect(paths.some((path) => path.startsWith('workers/'))).toBe(true)
  })

  it('keeps its rules', () => {
    expect(checkArchitecture(files).map(formatViolation).join('\n')).toBe('')
  })
})
