import path from 'node:path'
import { KurirError } from '../base/failure.ts'
import type { Settings } from '../settings/table.ts'

/**
 * The drop folders by their full paths.
 *
 * @throws KurirError `invalid-setting` when one contains, or stands in, a folder that Kurir keeps something else in, or another
 */
export function dropFolders(settings: Pick<Settings, 'dropDirs' | 'dataDir' | 'rulesDir'>): readonly string[] {
  const folders = settings.dropDirs.map((folder) => path.resolve(folder))
  const others = [path.resolve(settings.dataDir), path.resolve(settings.rulesDir)]
  for (const [i, folder] of folders.entries()) {
    const clash = [...others, ...folders.slice(0, i)].find((other) => isIn(folder, other) || isIn(other, folder))
    if (clash !== undefined) {
      const message = `KURIR_DROP_DIR must not hold ${folder}: it and ${clash} stand one in the other`
      throw new KurirError('invalid-setting', 'permanent', message)
    }
  }
  return folders
}

const isIn = (folder: string, other: string): boolean => folder === other || folder.startsWith(`${other}${path.sep}`)
