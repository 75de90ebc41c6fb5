import type { Header } from '../dicom/header.ts'
import { packHeader } from '../dicom/header-pack.ts'
import { HeaderCollector, type ScanResult } from '../dicom/scan.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import type { InstanceIdentity } from '../ledger/records.ts'
import type { Announced } from './arrival.ts'

/** What the ledger is told of an object's header. */
export interface HeaderFacts {
  readonly identity: InstanceIdentity
  /** Why the instance is held, else null. */
  readonly unreadable: string | null
  /** The header as the ledger keeps it; null when it could not be read. Takes a while: there may be something to do first. */
  pack(): Uint8Array | null
}

/** Reads the header of an object while it comes in, and holds it against what was announced. */
export class HeaderReading {
  readonly #announced: Announced
  readonly #collector: HeaderCollector

  constructor(announced: Announced) {
    this.#announced = announced
    this.#collector = new HeaderCollector(transferSyntaxOf(announced.transferSyntaxUid))
  }

  push(slice: Uint8Array): void {
    if (!this.#collector.isDone) this.#collector.push(slice)
  }

  /** When the data set is over. */
  async finish(): Promise<HeaderFacts> {
    return heldAgainst(this.#announced, await this.#collector.finish())
  }
}

/** What the ledger is told of a header that was announced so. */
export function heldAgainst(announced: Announced, scan: ScanResult): HeaderFacts {
  if (scan.outcome === 'unreadable') {
    return { identity: identityOf(announced, scan.partial), unreadable: scan.reason, pack: () => null }
  }
  const { header } = scan
  const identity = identityOf(announced, header)
  return { identity, unreadable: contradiction(announced, header), pack: () => packHeader(header) }
}

/** The SOP class and instance are what was announced: the data set of an unreadable or lying object proves nothing. */
function identityOf({ sopClassUid, sopInstanceUid, transferSyntaxUid }: Announced, header: Header): InstanceIdentity {
  return {
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid,
    studyInstanceUid: header.studyInstanceUid ?? null,
    seriesInstanceUid: header.seriesInstanceUid ?? null,
    accessionNumber: header.accessionNumber ?? null,
    patientId: header.patientId ?? null,
    patientName: header.patientName ?? null,
    modality: header.modality ?? null,
  }
}

/** A C-STORE's command and its data set name the same class and instance (PS3.4 B.2.2.1, PS3.7 9.1.1). */
function contradiction(announced: Announced, header: Header): string | null {
  if (header.sopInstanceUid !== announced.sopInstanceUid) return 'sop-instance-uid-differs'
  if (header.sopClassUid !== announced.sopClassUid) return 'sop-class-uid-differs'
  return null
}
