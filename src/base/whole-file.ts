import { open, rename, rm } from 'node:fs/promises'

/**
 * Writes a small file that others read while Kurir runs: by a rename, so that nobody ever reads half of it. What stood
 * there before is replaced. Its bytes are synced, its name is not: after a power cut the file may be the old one.
 *
 * @param mode the permissions it gets, 0644 unless told otherwise
 */
export async function writeWhole(file: string, text: string, mode = 0o644): Promise<void> {
  const fresh = `${file}.new`
  await rm(fresh, { force: true })
  const handle = await open(fresh, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, file)
}
