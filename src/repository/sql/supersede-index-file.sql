UPDATE repository.index_files
   SET kept_until = $2
 WHERE short_name = $1 AND kept_until IS NULL
