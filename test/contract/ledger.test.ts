import { postgresUnderTest } from '../integration/postgres/postgres-under-test.ts'
import { describeLedger } from './ledger.ts'

describeLedger('postgres', postgresUnderTest)
