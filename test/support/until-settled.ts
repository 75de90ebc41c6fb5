import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { KurirProcess } from './processes.ts'

const UNSETTLED = ['READY', 'WAITING', 'SENDING', 'AWAITING_COMMITMENT']

/**
 * Resolves when nothing is undecided and nothing is due or on its way to these destinations (all, unless named): the
 * metrics say so. A process from outside can only be asked again.
 */
export async function untilSettled(
  kurir: Pick<KurirProcess, 'adminPort' | 'dataDir'>,
  destinations?: readonly string[],
): Promise<void> {
  while ((await countUnsettled(kurir, destinations)) > 0) await new Promise((resolve) => setTimeout(resolve, 50))
}

async function countUnsettled(
  kurir: Pick<KurirProcess, 'adminPort' | 'dataDir'>,
  destinations: readonly string[] | undefined,
): Promise<number> {
  const token = await readFile(path.join(kurir.dataDir, 'admin-token'), 'utf8')
  const response = await fetch(`http://127.0.0.1:${kurir.adminPort}/metrics`, {
    headers: { authorization: `Bearer ${token.trim()}` },
  })
  const text = await response.text()
  const undecided = Number(/^kurir_obligations\{state="UNDECIDED"\} (\d+)/m.exec(text)?.[1])
  const deliveries = [...text.matchAll(/^kurir_deliveries\{destination="([^"]+)",state="([A-Z_]+)"\} (\d+)/gm)]
  const open = deliveries
    .filter(([, name = '', state = '']) => UNSETTLED.includes(state) && (destinations?.includes(name) ?? true))
    .reduce((sum, [, , , count]) => sum + Number(count), 0)
  return undecided + open
}
