-- Made by `python -m syncd.store.schema`; a test compares it with the migrations.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE booking (
    id VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    agreed VARCHAR(80) NOT NULL,
    revision INTEGER NOT NULL,
    opened_at VARCHAR(27),
    retired BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX booking_provider ON booking (provider, retired);

CREATE TABLE "conflict" (
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    claims TEXT NOT NULL,
    inputs VARCHAR NOT NULL,
    note VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    opened_at VARCHAR(27) NOT NULL,
    closed_at VARCHAR(27),
    outcome VARCHAR NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX conflict_open ON "conflict" (closed_at, provider);
CREATE INDEX conflict_run ON "conflict" (run);

CREATE TABLE coverage (
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    kinds VARCHAR NOT NULL,
    starts VARCHAR(27) NOT NULL,
    ends VARCHAR(27) NOT NULL,
    read_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (system, provider, kinds)
);

CREATE TABLE event (
    system VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,
    starts VARCHAR(27),
    ends VARCHAR(27),
    observed VARCHAR(80),
    observed_at VARCHAR(27) NOT NULL,
    base VARCHAR(80),
    ended BOOLEAN NOT NULL,
    mine BOOLEAN NOT NULL,
    person VARCHAR,
    service VARCHAR,
    "key" VARCHAR,
    updated_at VARCHAR(27),
    written VARCHAR(80),
    written_at VARCHAR(27),
    former VARCHAR(80),
    missing INTEGER NOT NULL,
    retired BOOLEAN NOT NULL,
    PRIMARY KEY (system, id)
);
CREATE INDEX event_provider ON event (provider, retired);
CREATE INDEX event_window ON event (system, retired, starts, ends, id, fingerprint);

CREATE TABLE history (
    seq INTEGER NOT NULL,
    at VARCHAR(27) NOT NULL,
    run VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    what VARCHAR NOT NULL,
    booking VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    "before" VARCHAR(80),
    "after" VARCHAR(80),
    rule VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    PRIMARY KEY (seq)
);
CREATE INDEX history_booking ON history (booking);
CREATE INDEX history_provider ON history (provider);
CREATE INDEX history_run ON history (run);

CREATE TABLE intent (
    id VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    event VARCHAR,
    "before" VARCHAR(80),
    "after" VARCHAR(80),
    bookings TEXT NOT NULL,
    "key" VARCHAR,
    reason VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    opened_at VARCHAR(27) NOT NULL,
    attempts INTEGER NOT NULL,
    job VARCHAR NOT NULL,
    error VARCHAR NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX intent_key ON intent ("key");
CREATE INDEX intent_run ON intent (run);
CREATE INDEX intent_state ON intent (state, provider);

CREATE TABLE odd (
    system VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    first_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (system, event, reason)
);

CREATE TABLE replica (
    booking VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    settled INTEGER NOT NULL,
    PRIMARY KEY (booking, system, event),
    FOREIGN KEY(booking) REFERENCES booking (id)
);
CREATE INDEX replica_event ON replica (system, event);

CREATE TABLE run (
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    started_at VARCHAR(27) NOT NULL,
    finished_at VARCHAR(27),
    report TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX run_started ON run (started_at);
