import { findFileMeta } from '../../src/dicom/file-meta.ts'
import type { Header } from '../../src/dicom/header.ts'
import { HeaderCollector, type ScanResult } from '../../src/dicom/scan.ts'
import { type TransferSyntax, transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'

/** A file's data set, and how it is said to be written. */
export interface Opened {
  readonly head: Buffer
  readonly dataSet: Buffer
  readonly transferSyntax: TransferSyntax
}

export function openFile(file: Buffer): Opened | undefined {
  const found = findFileMeta(file, true)
  if (found.outcome !== 'found') return undefined
  const { dataSetOffset, transferSyntaxUid } = found
  const transferSyntax = transferSyntaxOf(transferSyntaxUid)
  return { head: file.subarray(0, dataSetOffset), dataSet: file.subarray(dataSetOffset), transferSyntax }
}

/** The bytes in slices of these sizes, over and over; each slice is spoilt once the next is asked for, as a pool's is. */
export async function* slicesOf(bytes: Uint8Array, ...sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const slice = Buffer.from(bytes.subarray(at, at + (sizes[i % sizes.length] ?? 65_536)))
    at += slice.length
    yield slice
    slice.fill(0xee)
  }
}

export async function gather(slices: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const slice of slices) copies.push(Buffer.from(slice))
  return Buffer.concat(copies)
}

export async function scan(
  dataSet: Buffer,
  transferSyntax: TransferSyntax,
  ...sizes: readonly number[]
): Promise<ScanResult> {
  const collector = new HeaderCollector(transferSyntax)
  for await (const slice of slicesOf(dataSet, ...sizes)) collector.push(slice)
  return collector.finish()
}

/** Everything a header says, in a form that compares. */
export const contentOf = (header: Header): unknown =>
  [...header.walk()].map(({ path, vr, length, value, itemCount, bigEndian }) => [
    path,
    vr,
    length,
    value?.toString('hex'),
    itemCount,
    bigEndian,
  ])

export async function headerOf(dataSet: Buffer, transferSyntax: TransferSyntax): Promise<Header> {
  const result = await scan(dataSet, transferSyntax)
  if (result.outcome !== 'header') throw new Error(`unreadable: ${result.reason}`)
  return result.header
}
