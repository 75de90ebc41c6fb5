import { expect, test } from '@jest/globals'
import { holds } from '../../src/ledger/roles.ts'
import { ROLES, type Role } from '../../src/ledger/states.ts'

test.each<[Role, readonly Role[]]>([
  ['VIEWER', ['VIEWER']],
  ['OPERATOR', ['VIEWER', 'OPERATOR']],
  ['ADMIN', ['VIEWER', 'OPERATOR', 'ADMIN']],
  ['PHI_READER', ['PHI_READER']],
  ['INGEST', ['INGEST']],
  ['INTEGRATOR', ['INTEGRATOR']],
])('%s alone may do what these may, and nothing else: %s', (role, included) => {
  expect(new Set(ROLES.filter((wanted) => holds([role], wanted)))).toEqual(new Set(included))
})
