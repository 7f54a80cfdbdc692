import { Double } from 'bson'
import type { CorpusCase, CorpusRow } from './corpus-case.ts'

function notFinite(value: number, text: string): CorpusRow {
  const x = new Double(value)
  const marked = `{"$numberDouble": "${text}"}`
  const fields = { x, list: [x], mixed: [x, 'text'], deep: { x } }
  const exact = { x: text, list: `{${text}}` }
  return {
    fields,
    expected: { ...exact, mixed: `[${marked}, "text"]`, deep: `{"x": ${marked}}` },
    coerced: {
      'stringify-nan': { texts: { ...exact, mixed: `["${text}", "text"]`, deep: `{"x": "${text}"}` }, uses: 2 },
      'null-nan': { texts: { ...exact, mixed: '[null, "text"]', deep: '{"x": null}' }, uses: 2 },
    },
  }
}

export const m06: readonly CorpusCase[] = [
  {
    name: 'm06_doubles',
    what: 'NaN and the infinities: exact in columns of doubles, marked inside documents',
    rows: [notFinite(NaN, 'NaN'), notFinite(Infinity, 'Infinity'), notFinite(-Infinity, '-Infinity')],
    columns: { x: 'double precision', list: 'double precision[]', mixed: 'jsonb', deep: 'jsonb' },
  },
]
