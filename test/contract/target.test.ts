import { postgresUnderTest } from '../integration/postgres/postgres-under-test.ts'
import { describeTarget } from './target.ts'

describeTarget('postgres', postgresUnderTest)
