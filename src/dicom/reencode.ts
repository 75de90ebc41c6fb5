import { KurirError } from '../base/failure.ts'
import { inflateStream } from './deflate.ts'
import { Reencoder } from './reencoder.ts'
import { bufferOf, SliceOutput } from './slice-output.ts'
import type { TransferSyntax } from './transfer-syntax.ts'
import { DataSetWalker } from './walker.ts'

/**
 * Whether a data set can be sent in another transfer syntax without touching a pixel: from Implicit, Explicit or Deflated
 * Explicit VR Little Endian to the first or second of these (PS3.5 A.1, A.2, A.5, 10.1), or as it is.
 */
export function canReencode(from: TransferSyntax, to: TransferSyntax): boolean {
  if (from.uid === to.uid) return true
  const isNative = ({ bigEndian, encapsulated, keyword }: TransferSyntax): boolean =>
    !bigEndian && !encapsulated && !keyword.startsWith('JPIP')
  return isNative(from) && isNative(to) && !to.deflated
}

/**
 * The data set in another transfer syntax, as a stream of bounded memory; undefined where that is not possible. VRs come
 * from the dictionary when they were not written, UN where that knows none; sequences get undefined lengths; group
 * lengths are left out. Each piece is valid until the next is asked for.
 *
 * @throws KurirError `invalid-dataset` while being read, where the data set cannot be read to its end
 */
export function reencodeDataSet(
  source: AsyncIterable<Uint8Array>,
  from: TransferSyntax,
  to: TransferSyntax,
): AsyncIterable<Buffer> | undefined {
  if (!canReencode(from, to)) return undefined
  if (from.uid === to.uid) return asBuffers(source)
  if (!from.deflated) return reencode(source, from, to)
  return to.explicitVr ? inflateStream(source) : reencode(inflateStream(source), from, to)
}

async function* asBuffers(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const slice of source) yield bufferOf(slice)
}

async function* reencode(
  source: AsyncIterable<Uint8Array>,
  from: TransferSyntax,
  to: TransferSyntax,
): AsyncGenerator<Buffer> {
  const output = new SliceOutput()
  const walker = new DataSetWalker(from, new Reencoder({ explicitVr: to.explicitVr, bigEndian: false }, output))
  for await (const slice of source) {
    output.begin(slice)
    walker.push(slice)
    if (walker.problem !== undefined) throw unreadable(walker.problem)
    yield* output.take()
  }
  walker.end()
  if (walker.problem !== undefined) throw unreadable(walker.problem)
  yield* output.take()
}

const unreadable = (why: string): KurirError =>
  new KurirError('invalid-dataset', 'permanent', `the data set cannot be re-encoded: ${why}`)
