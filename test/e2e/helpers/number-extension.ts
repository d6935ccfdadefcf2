// An extension whose module is needed in every way a module can be: a type with input, output and operators, functions
// that PostgreSQL looks up apart from the others, a trigger and a language.
import type { SmallExtension } from '../../helpers/source-trees.ts'

export const numberModule = 'number--git.example+number'

/** Type `number`, an int4 of its own, in schema public. */
export const numberExtension: SmallExtension = {
  name: 'number',
  control: "module_pathname = '$libdir/number'",
  sql: `CREATE TYPE number;
CREATE FUNCTION number_in(cstring) RETURNS number AS 'MODULE_PATHNAME' LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION number_out(number) RETURNS cstring AS 'MODULE_PATHNAME' LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE number (INPUT = number_in, OUTPUT = number_out, LIKE = int4);
CREATE CAST (int4 AS number) WITHOUT FUNCTION;
CREATE FUNCTION number_cmp(number, number) RETURNS int4 AS 'MODULE_PATHNAME' LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
${Object.entries({ lt: '<', le: '<=', eq: '=', ge: '>=', gt: '>' })
  .map(
    ([
      name,
      operator,
    ]) => `CREATE FUNCTION number_${name}(number, number) RETURNS bool AS 'MODULE_PATHNAME' LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR ${operator} (FUNCTION = number_${name}, LEFTARG = number, RIGHTARG = number);`,
  )
  .join('\n')}
CREATE OPERATOR CLASS number_ops DEFAULT FOR TYPE number USING btree AS
  OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 number_cmp(number, number);
CREATE FUNCTION answer() RETURNS int4 AS 'MODULE_PATHNAME' LANGUAGE c;
CREATE FUNCTION answer_definer() RETURNS int4 AS 'MODULE_PATHNAME', 'answer' LANGUAGE c SECURITY DEFINER;
CREATE FUNCTION answer_set() RETURNS int4 AS 'MODULE_PATHNAME', 'answer' LANGUAGE c SET work_mem = '1MB';
CREATE FUNCTION answer_handler() RETURNS language_handler AS 'MODULE_PATHNAME', 'answer' LANGUAGE c;
CREATE LANGUAGE answers HANDLER answer_handler;
CREATE FUNCTION answer_language() RETURNS int4 AS '' LANGUAGE answers;
CREATE FUNCTION keep_row() RETURNS trigger AS 'MODULE_PATHNAME' LANGUAGE c SECURITY DEFINER;`,
  module: `#include "postgres.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
PG_MODULE_MAGIC;
#define COMPARE(name, operator) \\
PG_FUNCTION_INFO_V1(number_##name); \\
Datum number_##name(PG_FUNCTION_ARGS) { PG_RETURN_BOOL(PG_GETARG_INT32(0) operator PG_GETARG_INT32(1)); }
COMPARE(lt, <)
COMPARE(le, <=)
COMPARE(eq, ==)
COMPARE(ge, >=)
COMPARE(gt, >)
PG_FUNCTION_INFO_V1(number_cmp);
Datum number_cmp(PG_FUNCTION_ARGS) {
  int32 a = PG_GETARG_INT32(0), b = PG_GETARG_INT32(1);
  PG_RETURN_INT32(a < b ? -1 : a > b);
}
PG_FUNCTION_INFO_V1(number_in);
Datum number_in(PG_FUNCTION_ARGS) { return DirectFunctionCall1(int4in, PG_GETARG_DATUM(0)); }
PG_FUNCTION_INFO_V1(number_out);
Datum number_out(PG_FUNCTION_ARGS) { return DirectFunctionCall1(int4out, PG_GETARG_DATUM(0)); }
PG_FUNCTION_INFO_V1(answer);
Datum answer(PG_FUNCTION_ARGS) { PG_RETURN_INT32(42); }
PG_FUNCTION_INFO_V1(keep_row);
Datum keep_row(PG_FUNCTION_ARGS) { return PointerGetDatum(((TriggerData *) fcinfo->context)->tg_trigtuple); }
`,
}
