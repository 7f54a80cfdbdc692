import { sqliteUnderTest } from '../integration/sqlite-target/sqlite-under-test.ts'
import { describeLedgerChanges } from './ledger-changes.ts'
import { describeLedgerLetters } from './ledger-letters.ts'
import { describeLedgerResume } from './ledger-resume.ts'
import { describeLedger } from './ledger.ts'
import { sqliteTraits } from './traits.ts'

const make = (): ReturnType<typeof sqliteUnderTest> => sqliteUnderTest()

describeLedger('sqlite', make, sqliteTraits)
describeLedgerChanges('sqlite', make, sqliteTraits)
describeLedgerResume('sqlite', make, sqliteTraits)
describeLedgerLetters('sqlite', make, sqliteTraits)
