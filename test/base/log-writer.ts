// Run by log.test.ts as a process of its own: writes one line of each level. Arguments: the level, `json` or `pretty`.
import { createLog, LOG_LEVELS } from '../../src/base/log.ts'

const level = LOG_LEVELS.find((name) => name === process.argv[2]) ?? 'info'
const log = createLog(level, process.argv[3] === 'pretty')
log.debug('association-opened')
log.info('instance-admitted', { instance: 'i-1', bytes: 512 })
log.warn('caller-refused', { callingAe: 'CT1' })
log.error('disk-filled', { code: 'disk-full' })
