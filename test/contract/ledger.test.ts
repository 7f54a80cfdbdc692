import { postgresUnderTest } from '../integration/postgres/postgres-under-test.ts'
import { describeLedgerChanges } from './ledger-changes.ts'
import { describeLedger } from './ledger.ts'

describeLedger('postgres', postgresUnderTest)
describeLedgerChanges('postgres', postgresUnderTest)
