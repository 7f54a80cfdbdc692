import { postgresUnderTest } from '../integration/postgres/postgres-under-test.ts'
import { describeLedgerChanges } from './ledger-changes.ts'
import { describeLedgerLetters } from './ledger-letters.ts'
import { describeLedgerResume } from './ledger-resume.ts'
import { describeLedger } from './ledger.ts'

describeLedger('postgres', postgresUnderTest)
describeLedgerChanges('postgres', postgresUnderTest)
describeLedgerResume('postgres', postgresUnderTest)
describeLedgerLetters('postgres', postgresUnderTest)
