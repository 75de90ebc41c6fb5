import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from './command.ts'

type Options = NonNullable<ParseArgsConfig['options']>

/**
 * The options and the other words of a command line.
 *
 * @throws UsageError for an option that there is not, or one without its value
 */
export function optionsOf<const Known extends Options>(args: readonly string[], options: Known) {
  return parse(args, options, true)
}

/**
 * The options of a command that takes no other words.
 *
 * @throws UsageError for any other word too: left unread, it would seem to have been followed
 */
export function optionsAlone<const Known extends Options>(args: readonly string[], options: Known) {
  return parse(args, options, false).values
}

function parse<const Known extends Options>(args: readonly string[], options: Known, allowPositionals: boolean) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals })
  } catch (error) {
    // Node goes on with advice about "--", which no command here needs.
    const [sentence = 'unknown option'] = Error.isError(error) ? error.message.split(/\. /) : []
    throw new UsageError(sentence)
  }
}
