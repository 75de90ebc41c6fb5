import { deflateSlices, inflateStream } from './deflate.ts'
import { planEdits, uneditable } from './edit-plan.ts'
import { Editor } from './editor.ts'
import type { ResolvedEdit } from './resolved-edit.ts'
import { bufferOf, SliceOutput } from './slice-output.ts'
import type { TransferSyntax } from './transfer-syntax.ts'
import { DataSetWalker } from './walker.ts'

/**
 * A data set with its edits, as a stream. Elements that no edit names leave as the bytes they came as, pixel data above
 * all; values of any size pass through. Without edits the slices themselves pass. A deflated data set is inflated and
 * deflated again. Each piece is valid until the next is asked for.
 *
 * @throws KurirError `invalid-dataset` while being read: an edit cannot be put in where the data set cannot be read;
 *   `invalid-argument`: an edit without a path
 */
export function editDataSet(
  source: AsyncIterable<Uint8Array>,
  transferSyntax: TransferSyntax,
  edits: readonly ResolvedEdit[],
): AsyncIterable<Buffer> {
  if (edits.length === 0) return asBuffers(source)
  if (!transferSyntax.deflated) return editPlain(source, transferSyntax, edits)
  return deflateSlices(editPlain(inflateStream(source), transferSyntax, edits))
}

async function* asBuffers(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const slice of source) yield bufferOf(slice)
}

async function* editPlain(
  source: AsyncIterable<Uint8Array>,
  transferSyntax: TransferSyntax,
  edits: readonly ResolvedEdit[],
): AsyncGenerator<Buffer> {
  const output = new SliceOutput()
  const editor = new Editor(planEdits(edits), output, () => walker.encoding)
  const walker = new DataSetWalker(transferSyntax, editor)
  for await (const slice of source) {
    output.begin(slice)
    const told = walker.push(slice)
    // What follows a fault is copied, once it is certain that no edit is lost by that.
    if (walker.problem !== undefined && !editor.isDone(false)) throw uneditable(walker.problem)
    output.copy(slice, told, slice.length)
    yield* output.take()
  }
  if (walker.problem !== undefined) return
  walker.end()
  if (walker.problem === undefined) editor.finish()
  else if (!editor.isDone(true)) throw uneditable(walker.problem)
  yield* output.take()
}
