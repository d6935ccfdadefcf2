SELECT file, sha256, size
  FROM repository.archives
 WHERE file = $1
