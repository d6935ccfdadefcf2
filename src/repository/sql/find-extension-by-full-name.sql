-- Case-insensitively, so that the caller can tell a name that differs in case only.
SELECT id, full_name, short_name, description
  FROM repository.extensions
 WHERE lower(full_name COLLATE "C") = lower($1::text COLLATE "C")
