// How a test states which error it expects.
import type { ExecutionContext } from 'ava'
import { TransferError, type TransferResult } from '../../../native/index.ts'

/** Fails unless the transfer fails with that code, in house style. */
export async function failsWith(
  t: ExecutionContext,
  transfer: Promise<TransferResult>,
  code: string,
): Promise<TransferError> {
  const error = await t.throwsAsync(transfer, { instanceOf: TransferError })
  t.is(error.code, code, error.message)
  t.regex(error.message, /^([a-z]|[A-Z]{2}).*[^.]$/s)
  return error
}
