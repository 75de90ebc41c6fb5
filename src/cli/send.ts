import { judgeStoreStatus } from '../deliver/status-table.ts'
import type { SopClassUid } from '../dicom/uid.ts'
import type { ProposedContext, RequestedAssociation, StoreOutcome } from '../dimse/association.ts'
import type { DimseOptions } from '../rules/destination.ts'
import { readSettings } from '../settings/settings.ts'
import type { Settings } from '../settings/table.ts'
import { associateWith } from './association-to.ts'
import { type Command, type CommandContext, UsageError } from './command.ts'
import { dimseNamed } from './destination-named.ts'
import { type DicomFile, openDicomFile } from './dicom-file.ts'
import { requireRules } from './rules-in-folder.ts'

/** Sends files straight to a destination by C-STORE, as they are: no rules, no spool, no record. */
export const sendCommand: Command = {
  name: 'send',
  usage: 'NAME FILE…',
  sentence: 'send files to a destination as they are, without storing them',
  async run(args, context) {
    const [name, ...paths] = args
    if (name === undefined || paths.length === 0) throw new UsageError('which destination, which files?')
    const settings = readSettings(context.environment)
    const dimse = dimseNamed(await requireRules(context.environment), name)
    const files: DicomFile[] = []
    for (const path of paths) files.push(await openDicomFile(path))
    let sent = 0
    try {
      for (const batch of batches(files)) sent += await sendBatch(batch, dimse, settings, context, paths.length)
    } finally {
      // What is there is there, though the next association cannot be had.
      context.terminal?.rewrite('')
      context.print(`${sent} of ${paths.length} files sent to ${name}`)
    }
    return sent === paths.length ? 0 : 1
  },
}

interface Batch {
  readonly contexts: readonly ProposedContext[]
  readonly files: readonly DicomFile[]
}

const pairOf = (file: DicomFile): string => `${file.meta.sopClassUid} ${file.transferSyntaxUid}`

/** One context for each SOP class and transfer syntax, at most 128 on an association (PS3.8 9.3.2.2). */
function batches(files: readonly DicomFile[]): readonly Batch[] {
  const pairs = [...Map.groupBy(files, pairOf).values()]
  const made: Batch[] = []
  for (let at = 0; at < pairs.length; at += 128) {
    const some = pairs.slice(at, at + 128)
    const contexts = some.flatMap(([first]) =>
      first === undefined
        ? []
        : [{ abstractSyntax: classOf(first), transferSyntaxes: [first.transferSyntaxUid] } satisfies ProposedContext],
    )
    made.push({ contexts, files: some.flat() })
  }
  return made
}

const classOf = (file: DicomFile): SopClassUid => file.meta.sopClassUid ?? ('1.2.840.10008.5.1.4.1.1.7' as SopClassUid)

/** Resolves with how many were sent. */
async function sendBatch(
  batch: Batch,
  dimse: DimseOptions,
  settings: Settings,
  context: CommandContext,
  total: number,
): Promise<number> {
  await using association = await associateWith(dimse, batch.contexts, settings, context.signal)
  let sent = 0
  for (const [index, file] of batch.files.entries()) {
    context.terminal?.rewrite(`${index + 1} of ${total}`)
    const problem = await sendFile(association, file)
    if (problem === undefined) {
      sent += 1
      continue
    }
    context.terminal?.rewrite('')
    context.complain(`${file.path}: ${problem}`)
  }
  return sent
}

async function sendFile(association: RequestedAssociation, file: DicomFile): Promise<string | undefined> {
  const { sopInstanceUid } = file.meta
  if (sopInstanceUid === undefined) return 'its file meta names no SOP Instance UID'
  const accepted = association.contextFor(classOf(file), file.transferSyntaxUid)
  if (accepted === undefined) return 'its SOP class in its transfer syntax is not accepted there'
  return problemOf(await association.store({ context: accepted, sopInstanceUid, dataSet: file.dataSet() }))
}

/** Nothing was tried before, and nothing is again. */
const ONE_TRY = { maybeTaken: false, attempts: 0, othersTaken: false }

function problemOf(outcome: StoreOutcome): string | undefined {
  switch (outcome.kind) {
    case 'answered': {
      // As of a delivery: what was stored with a warning was sent.
      const { state } = judgeStoreStatus(outcome.status, ONE_TRY)
      return state === 'DELIVERED'
        ? undefined
        : `refused with ${outcome.status.toString(16).padStart(4, '0').toUpperCase()}H`
    }
    case 'lost':
      return outcome.reason
    case 'source-failed':
      return 'the file could not be read to its end'
    default:
      return outcome satisfies never
  }
}
