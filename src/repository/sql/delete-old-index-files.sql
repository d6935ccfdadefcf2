DELETE FROM repository.index_files
 WHERE kept_until < $1
