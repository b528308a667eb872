-- Made by `python -m syncd.store.schema`; a test compares it with the migrations.

CREATE TABLE acknowledged (
    subject VARCHAR NOT NULL,
    inputs VARCHAR NOT NULL,
    at VARCHAR(27) NOT NULL,
    "by" VARCHAR NOT NULL,
    PRIMARY KEY (subject)
);

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE allowance (
    system VARCHAR NOT NULL,
    at VARCHAR(27) NOT NULL,
    planned FLOAT NOT NULL,
    near FLOAT NOT NULL,
    far FLOAT NOT NULL,
    allowed FLOAT,
    left_today INTEGER,
    day INTEGER,
    PRIMARY KEY (system)
);

CREATE TABLE baseline (
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    mapping VARCHAR NOT NULL,
    settled_at VARCHAR(27),
    PRIMARY KEY (system, provider)
);

CREATE TABLE booking (
    id VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    agreed VARCHAR(80) NOT NULL,
    revision INTEGER NOT NULL,
    opened_at VARCHAR(27),
    rule VARCHAR NOT NULL,
    retired BOOLEAN NOT NULL, status_revision INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX booking_provider ON booking (provider, retired);

CREATE TABLE calendar_user (
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    user VARCHAR NOT NULL,
    PRIMARY KEY (system, provider)
);

CREATE TABLE canary (
    tag VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    starts VARCHAR(27) NOT NULL,
    ends VARCHAR(27) NOT NULL,
    made_at VARCHAR(27) NOT NULL,
    event VARCHAR,
    ended_at VARCHAR(27),
    PRIMARY KEY (tag)
);

CREATE TABLE closing (
    booking VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    provider VARCHAR NOT NULL,
    visible_at VARCHAR(27) NOT NULL,
    closed_at VARCHAR(27),
    PRIMARY KEY (booking, revision)
);
CREATE INDEX closing_provider ON closing (provider);
CREATE INDEX closing_visible ON closing (visible_at);

CREATE TABLE "conflict" (
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    claims TEXT NOT NULL,
    inputs VARCHAR NOT NULL,
    note VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    held BOOLEAN NOT NULL,
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
    first_at VARCHAR(27) NOT NULL, last_whole_ends VARCHAR(27), last_whole_at VARCHAR(27),
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
    retired BOOLEAN NOT NULL, series VARCHAR DEFAULT '' NOT NULL, original_start VARCHAR(27), missing_since VARCHAR(27), created_at VARCHAR(27), off_at VARCHAR(27), off_seen_at VARCHAR(27), moved_in_at VARCHAR(27),
    PRIMARY KEY (system, id)
);
CREATE INDEX event_key ON event ("key");
CREATE INDEX event_person ON event (system, person);
CREATE INDEX event_provider ON event (provider, retired, starts, ends, system, id);
CREATE INDEX event_window ON event (system, retired, starts, ends, id, fingerprint);

CREATE TABLE exposure (
    provider VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    starts VARCHAR(27) NOT NULL,
    ends VARCHAR(27) NOT NULL,
    cause VARCHAR NOT NULL,
    bookings TEXT NOT NULL,
    since VARCHAR(27) NOT NULL,
    seats TEXT NOT NULL,
    PRIMARY KEY (provider, system, starts, ends)
);

CREATE TABLE fact (
    system VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (system, name)
);

CREATE TABLE free_time (
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    asked_at VARCHAR(27) NOT NULL,
    starts VARCHAR(27) NOT NULL,
    ends VARCHAR(27) NOT NULL,
    offers TEXT NOT NULL,
    fault VARCHAR NOT NULL,
    PRIMARY KEY (system, provider)
);

CREATE TABLE health (
    system VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    since VARCHAR(27),
    cause VARCHAR NOT NULL,
    remedy VARCHAR NOT NULL,
    failures INTEGER NOT NULL,
    asked_at VARCHAR(27),
    retry_at VARCHAR(27),
    writing BOOLEAN NOT NULL,
    secret VARCHAR NOT NULL,
    PRIMARY KEY (system)
);

CREATE TABLE held_back (
    name VARCHAR NOT NULL,
    since VARCHAR(27) NOT NULL,
    why VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    event VARCHAR,
    "before" VARCHAR(80),
    "after" VARCHAR(80),
    bookings TEXT NOT NULL,
    reason VARCHAR NOT NULL,
    seen_at VARCHAR(27) NOT NULL,
    ended_at VARCHAR(27),
    PRIMARY KEY (name, since)
);
CREATE INDEX held_back_ended ON held_back (ended_at);

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
    place VARCHAR NOT NULL,
    seen_at VARCHAR(27),
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
CREATE INDEX intent_event ON intent (system, event);
CREATE INDEX intent_key ON intent ("key");
CREATE INDEX intent_run ON intent (run);
CREATE INDEX intent_state ON intent (state, provider);

CREATE TABLE last_settings (
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    said TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (system, provider)
);

CREATE TABLE owner_change (
    system VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    owner VARCHAR NOT NULL,
    holder VARCHAR NOT NULL,
    proof VARCHAR NOT NULL,
    value VARCHAR(80) NOT NULL,
    since VARCHAR(27) NOT NULL,
    asked_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (system, event, provider)
);

CREATE TABLE pause (
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    since VARCHAR(27) NOT NULL,
    who VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    PRIMARY KEY (system, provider)
);

CREATE TABLE provisioned (
    system VARCHAR NOT NULL,
    sort VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    sent TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (system, sort, name)
);

CREATE TABLE relation (
    system VARCHAR NOT NULL,
    booking VARCHAR NOT NULL,
    contact VARCHAR NOT NULL,
    record VARCHAR NOT NULL,
    relation VARCHAR NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (system, booking)
);

CREATE TABLE replica (
    booking VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    settled INTEGER NOT NULL, person VARCHAR,
    PRIMARY KEY (booking, system, event),
    FOREIGN KEY(booking) REFERENCES booking (id)
);
CREATE INDEX replica_event ON replica (system, event);

CREATE TABLE reported (
    system VARCHAR NOT NULL,
    topic VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    calendars TEXT NOT NULL,
    back INTEGER NOT NULL,
    ahead INTEGER NOT NULL,
    since VARCHAR(27) NOT NULL,
    seen_at VARCHAR(27) NOT NULL,
    ended_at VARCHAR(27),
    PRIMARY KEY (system, topic, event)
);

CREATE TABLE rota (
    provider VARCHAR NOT NULL,
    slice INTEGER NOT NULL,
    PRIMARY KEY (provider)
);

CREATE TABLE run (
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    started_at VARCHAR(27) NOT NULL,
    finished_at VARCHAR(27),
    report TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX run_started ON run (started_at);

CREATE TABLE waiting (
    name VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    event VARCHAR,
    why VARCHAR NOT NULL,
    starts VARCHAR(27) NOT NULL,
    ends VARCHAR(27) NOT NULL,
    since VARCHAR(27) NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE waiver (
    booking VARCHAR NOT NULL,
    system VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    run VARCHAR NOT NULL,
    PRIMARY KEY (booking, system),
    FOREIGN KEY(booking) REFERENCES booking (id)
);
