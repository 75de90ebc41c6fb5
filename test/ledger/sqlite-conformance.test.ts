import { ledgerConformance } from '../conformance/ledger.ts'
import { openLedger } from './open-ledger.ts'

ledgerConformance('SQLite', openLedger)
