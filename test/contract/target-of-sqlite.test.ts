import { sqliteUnderTest } from '../integration/sqlite-target/sqlite-under-test.ts'
import { describeTarget } from './target.ts'
import { sqliteTraits } from './traits.ts'

describeTarget('sqlite', () => sqliteUnderTest(), sqliteTraits)
