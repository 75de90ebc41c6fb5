import { momentsConformance } from '../conformance/moments.ts'
import { openLedger } from './open-ledger.ts'

momentsConformance('SQLite', openLedger)
