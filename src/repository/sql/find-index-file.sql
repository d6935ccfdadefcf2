SELECT body
  FROM repository.index_files
 WHERE sha256 = $1
