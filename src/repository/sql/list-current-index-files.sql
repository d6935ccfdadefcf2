SELECT short_name, sha256
  FROM repository.index_files
 WHERE kept_until IS NULL
 ORDER BY short_name COLLATE "C"
