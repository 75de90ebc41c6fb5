import { access } from 'node:fs/promises'
import path from 'node:path'
import { LEDGER_FILE } from '../app/names.ts'
import { KurirError } from '../base/failure.ts'
import type { Settings } from '../settings/table.ts'

/** Whether a Kurir has run on this data directory. */
export const hasLedger = (settings: Pick<Settings, 'dataDir'>): Promise<boolean> =>
  requireLedger(settings).then(
    () => true,
    () => false,
  )

/**
 * The ledger's database, which a Kurir has made.
 *
 * @throws KurirError `not-found` where none has ever run on this data directory
 */
export async function requireLedger({ dataDir }: Pick<Settings, 'dataDir'>): Promise<string> {
  const file = path.join(dataDir, LEDGER_FILE)
  await access(file).catch(() => {
    throw new KurirError(
      'not-found',
      'permanent',
      `there is no ledger in ${dataDir}; KURIR_DATA_DIR names another folder`,
    )
  })
  return file
}
