# One model in three files, each kept by those whose it is.
schema: '1.2'
contents:
  - core.fga
  - issues.fga
  - wiki.fga
