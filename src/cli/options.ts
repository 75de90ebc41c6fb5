import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from './command.ts'

type Options = NonNullable<ParseArgsConfig['options']>

/**
 * The options and the other words of a command line.
 *
 * @throws UsageError for an option that there is not, or one without its value
 */
export function optionsOf<const Known extends Options>(args: readonly string[], options: Known) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : 'unknown option')
  }
}
