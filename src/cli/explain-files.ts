import type { Facts } from '../rules/facts.ts'
import { viewOfHeader } from '../rules/header-view.ts'
import { openDicomFile, scanFile } from './dicom-file.ts'

/** How the files are to have come in. */
export type Reception = Pick<Facts, 'callingAe' | 'calledAe' | 'peer' | 'door'>

/** A file as the rules would see it, or why they would not. */
export type ReadFile = { readonly path: string; readonly study: string } & (
  | { readonly facts: Facts }
  | { readonly unreadable: string }
)

/** @throws KurirError when a file is not there or is no DICOM */
export async function readFacts(path: string, reception: Reception): Promise<ReadFile> {
  const file = await openDicomFile(path)
  const scan = await scanFile(file)
  if (scan.outcome === 'unreadable') return { path, study: '', unreadable: scan.reason }
  const { header } = scan
  const facts: Facts = {
    ...reception,
    sopClass: file.meta.sopClassUid ?? header.sopClassUid ?? '',
    sopInstanceUid: file.meta.sopInstanceUid ?? header.sopInstanceUid ?? '',
    transferSyntax: file.transferSyntaxUid,
    header: viewOfHeader(header),
    isOfNoStudy: (header.studyInstanceUid ?? '') === '',
    receivedAt: 0,
  }
  return { path, study: header.studyInstanceUid ?? '', facts }
}
