import { expect, test } from '@jest/globals'
import { MOST_CONTEXTS, type Need, needKey, planContexts } from '../../src/deliver/context-plan.ts'
import { DestinationNotes } from '../../src/deliver/destination-notes.ts'
import { candidates } from '../../src/deliver/transfer-syntax-choice.ts'
import { parseUid, type SopClassUid, type TransferSyntaxUid, type Uid } from '../../src/dicom/uid.ts'

function uid<T extends Uid>(text: string): T {
  const parsed = parseUid<T>(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

const CT = uid<SopClassUid>('1.2.840.10008.5.1.4.1.1.2')
const MR = uid<SopClassUid>('1.2.840.10008.5.1.4.1.1.4')
const IMPLICIT = uid<TransferSyntaxUid>('1.2.840.10008.1.2')
const EXPLICIT = uid<TransferSyntaxUid>('1.2.840.10008.1.2.1')
const BIG_ENDIAN = uid<TransferSyntaxUid>('1.2.840.10008.1.2.2')
const DEFLATED = uid<TransferSyntaxUid>('1.2.840.10008.1.2.1.99')
const JPEG = uid<TransferSyntaxUid>('1.2.840.10008.1.2.4.50')

test('native pixels are offered in the other VR encoding too, everything else as received', () => {
  expect(candidates(EXPLICIT, 'default')).toEqual([EXPLICIT, IMPLICIT])
  expect(candidates(IMPLICIT, 'default')).toEqual([IMPLICIT, EXPLICIT])
  expect(candidates(JPEG, 'default')).toEqual([JPEG])
  expect(candidates(DEFLATED, 'default')).toEqual([DEFLATED, EXPLICIT, IMPLICIT])
  expect(candidates(BIG_ENDIAN, 'default')).toEqual([BIG_ENDIAN])
  expect(candidates(EXPLICIT, 'as_received')).toEqual([EXPLICIT])
})

test('a list is kept in its order, without what cannot be made', () => {
  expect(candidates(EXPLICIT, [JPEG, IMPLICIT, EXPLICIT])).toEqual([IMPLICIT, EXPLICIT])
  expect(candidates(JPEG, [IMPLICIT])).toEqual([])
})

test('one context for each SOP class and transfer syntax, none twice', () => {
  const needs: Need[] = [
    { sopClass: CT, transferSyntax: EXPLICIT },
    { sopClass: CT, transferSyntax: IMPLICIT },
    { sopClass: CT, transferSyntax: EXPLICIT },
    { sopClass: MR, transferSyntax: JPEG },
  ]
  const { contexts, covered } = planContexts(needs, 'default')
  expect(contexts).toEqual([
    { abstractSyntax: CT, transferSyntaxes: [EXPLICIT] },
    { abstractSyntax: CT, transferSyntaxes: [IMPLICIT] },
    { abstractSyntax: MR, transferSyntaxes: [JPEG] },
  ])
  expect([...covered]).toEqual([...new Set(needs.map(needKey))])
})

test('what does not fit into 128 contexts is left for another association, the first needs first', () => {
  const needs: Need[] = Array.from({ length: 200 }, (_, n) => ({
    sopClass: uid<SopClassUid>(`1.2.3.${n}`),
    transferSyntax: EXPLICIT,
  }))
  const { contexts, covered } = planContexts(needs, 'default')
  expect(contexts).toHaveLength(MOST_CONTEXTS)
  expect([...covered]).toEqual(needs.slice(0, 64).map(needKey))
})

test('notes remember what was needed, over a restart, and tell only what changed', () => {
  const notes = new DestinationNotes(null)
  expect(notes.takeChanges()).toBeUndefined()
  notes.used({ sopClass: CT, transferSyntax: EXPLICIT })
  notes.refuse({ sopClass: MR, transferSyntax: JPEG })
  const text = notes.takeChanges()
  expect(notes.takeChanges()).toBeUndefined()
  const again = new DestinationNotes(text ?? null)
  expect([...again.needed]).toEqual([{ sopClass: CT, transferSyntax: EXPLICIT }])
  expect([...again.refused]).toEqual([{ sopClass: MR, transferSyntax: JPEG }])
  again.refuse({ sopClass: CT, transferSyntax: EXPLICIT })
  expect([...again.needed]).toEqual([])
})

test.each([['not json'], ['[]'], ['{"needed":"x","refused":[1,{}]}'], ['{"needed":["a b"]}']])(
  'notes that say %s are as good as none',
  (text) => {
    expect([...new DestinationNotes(text).needed, ...new DestinationNotes(text).refused]).toEqual([])
  },
)
