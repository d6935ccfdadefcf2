-- The functions of pginstall_test. :module is the path of the module, quoted.
CREATE FUNCTION test_name_fault(kind text, name bytea) RETURNS text
    AS :module, 'test_name_fault' LANGUAGE c STRICT;
CREATE FUNCTION test_short_name_of(full_name text) RETURNS text
    AS :module, 'test_short_name_of' LANGUAGE c STRICT;
CREATE FUNCTION test_parse_answer(request text, line bytea) RETURNS text
    AS :module, 'test_parse_answer' LANGUAGE c STRICT;
CREATE FUNCTION test_whole_name(statements text) RETURNS text
    AS :module, 'test_whole_name' LANGUAGE c STRICT;
CREATE FUNCTION test_run_statement(statement text, shown text) RETURNS void
    AS :module, 'test_run_statement' LANGUAGE c;
