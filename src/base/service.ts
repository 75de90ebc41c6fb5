/**
 * Something that runs: it starts once, and disposing it stops it and waits until nothing of it is left. `app.ts`
 * starts services upward (store first, doors last) and disposes them downward.
 */
export interface Service extends AsyncDisposable {
  start(signal: AbortSignal): Promise<void>
}
