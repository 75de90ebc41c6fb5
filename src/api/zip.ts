import { Readable } from 'node:stream'
import { ZipFile } from 'yazl'
import { isWritableUid, type TransferSyntaxUid } from '../dicom/uid.ts'
import type { SpooledInstance } from '../ledger/spooled.ts'
import type { Spool } from '../spool/spool.ts'
import { headOf, part10Slices } from './part10-slices.ts'

/** An archive has a list of all its entries: beyond this many it is no download any more. */
const MOST_ENTRIES = 100_000

/**
 * A ZIP archive of instances as they are stored, written while it is read: images of one study shrink little, and their
 * compression would cost what routing needs. Nothing is open before its turn, and nothing stays open when the reader leaves.
 *
 * @returns `too-many` for more instances than one archive lists: one without the others would look whole
 */
export async function zipOf(
  spool: Pick<Spool, 'read'>,
  instances: AsyncIterable<SpooledInstance>,
  most = MOST_ENTRIES,
): Promise<NodeJS.ReadableStream | 'too-many'> {
  const zip = new ZipFile()
  const names = new Names()
  let current: Readable | undefined
  let count = 0
  for await (const { header: _, ...rest } of instances) {
    const instance = { ...rest, header: new Uint8Array() }
    const syntax = instance.identity.transferSyntaxUid as TransferSyntaxUid
    const head = headOf(instance, syntax)
    if (head === undefined) continue
    count += 1
    if (count > most) return 'too-many'
    const options = { size: head.length + instance.blob.length, compress: false, mode: 0o100640 }
    zip.addReadStreamLazy(names.nameOf(instance), options, (give) => {
      current = Readable.from(part10Slices(spool, instance, syntax), { objectMode: false })
      // A blob that cannot be read breaks the archive off: one that looks whole and is not would be worse.
      current.once('error', (error) => destroy(zip.outputStream, error))
      give(null, current)
    })
  }
  zip.outputStream.once('close', () => current?.destroy())
  zip.once('error', (error) => destroy(zip.outputStream, error))
  zip.end()
  return zip.outputStream
}

function destroy(stream: NodeJS.ReadableStream, error: unknown): void {
  if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy(error)
}

/** `series/instance.dcm`, each once: a UID may lie in several studies, and who unpacks two of one name keeps one. */
class Names {
  readonly #given = new Map<string, number>()

  nameOf(instance: SpooledInstance): string {
    const path = pathOf(instance)
    const version = (this.#given.get(path) ?? 0) + 1
    this.#given.set(path, version)
    return version === 1 ? `${path}.dcm` : `${path}-${version}.dcm`
  }
}

/** A UID that we would not write names nothing. */
function pathOf({ id, identity }: SpooledInstance): string {
  const { seriesInstanceUid: series, sopInstanceUid: uid } = identity
  const folder = series !== null && isWritableUid(series) ? series : 'series'
  return `${folder}/${isWritableUid(uid) ? uid : id}`
}
