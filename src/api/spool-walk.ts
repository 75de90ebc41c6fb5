import type { SpooledInstance, SpooledInstanceSelection, SpooledViews, SpoolPlace } from '../ledger/spooled.ts'

const PAGE = 100

/** Every instance that is selected, page by page: memory does not grow with a study. */
export async function* spooledInstances(
  views: Pick<SpooledViews, 'spooledInstances'>,
  selection: SpooledInstanceSelection,
): AsyncGenerator<SpooledInstance, void, void> {
  let after: SpoolPlace | undefined
  for (;;) {
    const page = await views.spooledInstances(selection, PAGE, after)
    yield* page
    after = page.at(-1)?.place
    if (page.length < PAGE) return
  }
}
