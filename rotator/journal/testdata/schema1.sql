CREATE SCHEMA keyrotator;
CREATE TABLE keyrotator.history (
    account text NOT NULL,
    name text NOT NULL,
    seq bigint NOT NULL,
    at bigint,
    kind text NOT NULL,
    body text NOT NULL,
    prev bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE TABLE keyrotator.meta (
    name text NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE keyrotator.migrations (
    number bigint NOT NULL,
    name text NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE keyrotator.requests (
    number bigint NOT NULL,
    account text NOT NULL,
    name text NOT NULL,
    verb text NOT NULL,
    pending smallint NOT NULL,
    at bigint,
    body text NOT NULL
);
ALTER TABLE keyrotator.requests ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME keyrotator.requests_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE keyrotator.sealed (
    account text NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    bytes bytea NOT NULL
);
CREATE TABLE keyrotator.users (
    account text NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    schema bigint NOT NULL,
    opened smallint NOT NULL,
    due bigint,
    wake bigint,
    version bigint NOT NULL,
    owner text NOT NULL,
    lease_until bigint,
    handled bigint NOT NULL,
    last_seq bigint NOT NULL,
    last_hash bytea NOT NULL,
    body text NOT NULL
);
INSERT INTO keyrotator.history VALUES ('prod', 'alice', 1, 1772359200000000000, 'adopted', '{"kind":"adopted","at":"2026-03-01T10:00:00Z","key":"AKIAI44QH8DHBEXAMPLE"}', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x7c1b53bec38d14491b36d5f60e01dad6637f69a9dbe74a9c9b0bce1812347d45');
INSERT INTO keyrotator.history VALUES ('prod', 'alice', 2, 1772359200000000000, 'opened', '{"kind":"opened","at":"2026-03-01T10:00:00Z","date":"2026-03-01T10:00:00Z","cycle":1,"opening":{"purpose":"rotation","policy":{"name":"quarterly","max_age":7776000000000000,"overlap":86400000000000,"quiet":0,"trial":0,"settle":0,"jitter":0,"push_limit":0,"last_used_lag":0,"verify":{"successes":0,"over":0,"limit":0},"window_gap":0},"consumers":[{"name":"file:/run/aws","required":true,"record":true,"readable":true}],"retire":"AKIAI44QH8DHBEXAMPLE","keep":"AKIAIOSFODNN7EXAMPLE","phase":"creating"}}', '\x7c1b53bec38d14491b36d5f60e01dad6637f69a9dbe74a9c9b0bce1812347d45', '\x3117bd26370708d9b0e6077edb0eb40bdc3195a0e9958706d93a86122165d3f6');
INSERT INTO keyrotator.meta VALUES ('canary', '\x7365616c65642063616e617279');
INSERT INTO keyrotator.migrations VALUES (1, '0001_first', 1772366400000000000);
INSERT INTO keyrotator.requests OVERRIDING SYSTEM VALUE VALUES (1, 'prod', 'bob', 'rotate', 1, 1772359200000000000, '{"number":0,"user":{"account":"prod","name":"bob"},"verb":"rotate","by":"operator","at":"2026-03-01T10:00:00Z"}');
INSERT INTO keyrotator.requests OVERRIDING SYSTEM VALUE VALUES (2, '*', '*', 'pause', 0, 1772359200000000000, '{"number":0,"user":{"account":"*","name":"*"},"verb":"pause","by":"operator","at":"2026-03-01T10:00:00Z"}');
INSERT INTO keyrotator.sealed VALUES ('prod', 'alice', 'AKIAIOSFODNN7EXAMPLE', '\x7365616c6564206279746573');
INSERT INTO keyrotator.users VALUES ('prod', 'alice', 'overlap', 1, 1, 1772445600000000000, NULL, 2, '', NULL, 0, 2, '\x3117bd26370708d9b0e6077edb0eb40bdc3195a0e9958706d93a86122165d3f6', '{"progress":{"schema":1,"user_id":"AIDACKCEVSQ6C2EXAMPLE","current":"AKIAI44QH8DHBEXAMPLE","phase":"overlap","since":"2026-03-01T10:00:00Z","number":1,"cycle":{"number":1,"purpose":"rotation","policy":{"name":"quarterly","max_age":7776000000000000,"overlap":86400000000000,"quiet":0,"trial":0,"settle":0,"jitter":0,"push_limit":0,"last_used_lag":0,"verify":{"successes":0,"over":0,"limit":0},"window_gap":0},"consumers":[{"name":"file:/run/aws","required":true,"record":true,"readable":true}],"retire":"AKIAI44QH8DHBEXAMPLE","keep":"AKIAIOSFODNN7EXAMPLE","phase":"creating","opened":"2026-03-01T10:00:00Z","touched":true,"pushed":{"file:/run/aws":"2026-03-01T10:00:00Z"},"verified":"2026-03-01T10:00:00Z"}},"waiting":"overlap","detail":"until tomorrow","attempts":1,"calls":{"iam":2}}');
INSERT INTO keyrotator.users VALUES ('prod', 'bob', '', 0, 0, 1772366400000000000, NULL, 1, '', NULL, 0, 0, '\x0000000000000000000000000000000000000000000000000000000000000000', '');
SELECT pg_catalog.setval('keyrotator.requests_number_seq', 2, true);
ALTER TABLE ONLY keyrotator.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (account, name, seq);
ALTER TABLE ONLY keyrotator.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY keyrotator.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);
ALTER TABLE ONLY keyrotator.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (number);
ALTER TABLE ONLY keyrotator.sealed
    ADD CONSTRAINT sealed_pkey PRIMARY KEY (account, name, key);
ALTER TABLE ONLY keyrotator.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (account, name);
CREATE INDEX history_halted ON keyrotator.history USING btree (at) WHERE (kind = 'halted'::text);
CREATE INDEX requests_pending ON keyrotator.requests USING btree (account, name, at) WHERE (pending = 1);
CREATE INDEX requests_user ON keyrotator.requests USING btree (account, name, number);
CREATE INDEX users_due ON keyrotator.users USING btree (opened, due, account, name) WHERE ((lease_until IS NULL) AND (due IS NOT NULL));
CREATE INDEX users_lease ON keyrotator.users USING btree (lease_until) WHERE (lease_until IS NOT NULL);
ALTER TABLE ONLY keyrotator.history
    ADD CONSTRAINT history_account_name_fkey FOREIGN KEY (account, name) REFERENCES keyrotator.users(account, name);
ALTER TABLE ONLY keyrotator.sealed
    ADD CONSTRAINT sealed_account_name_fkey FOREIGN KEY (account, name) REFERENCES keyrotator.users(account, name);
