import { instant } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Header } from '../dicom/header.ts'
import type { InstanceIdentity } from '../ledger/records.ts'
import { factsOf } from '../plan/facts.ts'
import { defaultCharset } from '../plan/obligations.ts'
import type { Facts } from '../rules/facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { Announced } from '../spool/arrival.ts'
import { heldAgainst } from '../spool/header-reading.ts'
import { type DicomFile, openDicomFile, scanFile } from './dicom-file.ts'

/** How the files are to have come in. */
export type Sender = Pick<Facts, 'callingAe' | 'calledAe' | 'peer'>

/** A file as the rules would see it, or why they would not. */
export type ReadFile = { readonly path: string; readonly identity: InstanceIdentity } & (
  | { readonly facts: Facts }
  | { readonly unreadable: string }
)

/**
 * Reads a file as the DIMSE door and the planner do: held against what it is announced as, its text by its caller's character
 * set.
 *
 * @throws KurirError when a file is not there, is no DICOM, or says nowhere what it is
 */
export async function readFacts(path: string, sender: Sender, ruleset: Ruleset): Promise<ReadFile> {
  const file = await openDicomFile(path)
  const scan = await scanFile(file)
  const announced = announcedOf(file, scan.outcome === 'header' ? scan.header : scan.partial)
  const { identity, unreadable, pack } = heldAgainst(announced, scan)
  const header = pack()
  if (header === null || unreadable !== null) return { path, identity, unreadable: unreadable ?? '' }
  const reception = { ...sender, at: instant(0), door: 'DIMSE', associationId: null } as const
  return { path, identity, facts: factsOf({ header, reception, identity }, defaultCharset(ruleset, { reception })) }
}

/** Who sends a file takes its class and UID from its meta information, else from its data set. */
function announcedOf({ path, meta, transferSyntaxUid }: DicomFile, header: Header): Announced {
  const sopClassUid = meta.sopClassUid ?? header.sopClassUid
  const sopInstanceUid = meta.sopInstanceUid ?? header.sopInstanceUid
  if (sopClassUid !== undefined && sopInstanceUid !== undefined) {
    return { sopClassUid, sopInstanceUid, transferSyntaxUid }
  }
  throw new KurirError(
    'invalid-dataset',
    'permanent',
    `${path} has no SOP Class UID or no SOP Instance UID to be sent by`,
  )
}
