import type { CorpusCase } from './corpus-case.ts'

const fields = { Email: 'a', email: 'b', EMAIL: 'c', eMail: 'd' }

export const m20: readonly CorpusCase[] = [
  {
    name: 'm20_folded',
    what: 'fields that differ by case: they get a number where names are folded, and the run says so',
    rows: [{ fields, expected: { email: 'a', email_2: 'b', email_3: 'c', e_mail: 'd' } }],
    columns: { email: 'text', email_2: 'text', email_3: 'text', e_mail: 'text' },
    notices: [/field "email" becomes "email_2", because "email" is taken by field "Email"/],
  },
  {
    name: 'm20_preserved',
    what: 'fields that differ by case, where names are preserved',
    rows: [{ fields, expected: fields }],
    columns: { Email: 'text', email: 'text', EMAIL: 'text', eMail: 'text' },
    options: { naming: 'preserve' },
  },
]
