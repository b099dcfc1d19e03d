-- The first schema. {{number}} and {{bytes}} are the dialect's words for a
-- number that the database hands out once and for a string of bytes.
-- Instants are nanoseconds since 1970; NULL stands for none.

CREATE TABLE users (
  account     TEXT NOT NULL,
  name        TEXT NOT NULL,
  phase       TEXT NOT NULL,
  schema      BIGINT NOT NULL,
  opened      SMALLINT NOT NULL,
  due         BIGINT,
  wake        BIGINT,
  version     BIGINT NOT NULL,
  owner       TEXT NOT NULL,
  lease_until BIGINT,
  handled     BIGINT NOT NULL,
  last_seq    BIGINT NOT NULL,
  last_hash   {{bytes}} NOT NULL,
  body        TEXT NOT NULL,
  PRIMARY KEY (account, name)
);
CREATE INDEX users_due ON users (opened, due, account, name) WHERE lease_until IS NULL AND due IS NOT NULL;
CREATE INDEX users_lease ON users (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE history (
  account TEXT NOT NULL,
  name    TEXT NOT NULL,
  seq     BIGINT NOT NULL,
  at      BIGINT,
  kind    TEXT NOT NULL,
  body    TEXT NOT NULL,
  prev    {{bytes}} NOT NULL,
  hash    {{bytes}} NOT NULL,
  PRIMARY KEY (account, name, seq),
  FOREIGN KEY (account, name) REFERENCES users (account, name)
);
CREATE INDEX history_halted ON history (at) WHERE kind = 'halted';

CREATE TABLE sealed (
  account TEXT NOT NULL,
  name    TEXT NOT NULL,
  key     TEXT NOT NULL,
  bytes   {{bytes}} NOT NULL,
  PRIMARY KEY (account, name, key),
  FOREIGN KEY (account, name) REFERENCES users (account, name)
);

CREATE TABLE requests (
  number  {{number}},
  account TEXT NOT NULL,
  name    TEXT NOT NULL,
  verb    TEXT NOT NULL,
  pending SMALLINT NOT NULL,
  at      BIGINT,
  body    TEXT NOT NULL
);
CREATE INDEX requests_user ON requests (account, name, number);
CREATE INDEX requests_pending ON requests (account, name, at) WHERE pending = 1;

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value {{bytes}} NOT NULL
);
