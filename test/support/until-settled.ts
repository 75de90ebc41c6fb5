import { ask } from './graphql-client.ts'
import type { KurirProcess } from './processes.ts'

const QUEUES = '{ destinations { queue { ready waiting sending awaitingCommitment } } undecided: health { undecided } }'

interface Queues {
  readonly destinations: readonly { readonly queue: Readonly<Record<string, number>> }[]
  readonly undecided: { readonly undecided: number }
}

/** Resolves when nothing is undecided, due or on its way. Kurir is asked again after each delivery line of its log. */
export async function untilSettled(kurir: KurirProcess): Promise<void> {
  for (;;) {
    const { destinations, undecided } = await ask<Queues>(kurir, QUEUES)
    const open = destinations.flatMap(({ queue }) => Object.values(queue)).reduce((sum, count) => sum + count, 0)
    if (open + undecided.undecided === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
