BEGIN TRANSACTION;
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
INSERT INTO "alembic_version" VALUES('0017');
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
INSERT INTO "baseline" VALUES('a','p','digest','2026-06-01T00:00:00.000000Z');
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
INSERT INTO "booking" VALUES('m','p','appointment','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',0,NULL,'',0,0);
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
INSERT INTO "conflict" VALUES('c','moved_apart','p','m','[{"end":"2026-06-01T10:00:00.000000Z","event":"e1","seen_at":null,"start":"2026-06-01T09:00:00.000000Z","status":"confirmed","system":"a"},{"end":"2026-06-01T11:00:00.000000Z","event":"e2","seen_at":null,"start":"2026-06-01T10:00:00.000000Z","status":"confirmed","system":"b"}]','digest','','',1,'run','2026-06-01T00:00:00.000000Z',NULL,'');
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
INSERT INTO "coverage" VALUES('a','p','appointment,block','2026-06-01T00:00:00.000000Z','2026-06-02T00:00:00.000000Z','2026-06-01T00:00:00.000000Z','2026-06-01T00:00:00.000000Z',NULL,NULL);
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
INSERT INTO "event" VALUES('a','e','p','appointment','print of e','2026-06-01T09:00:00.000000Z','2026-06-01T10:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T00:00:00.000000Z',NULL,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,'',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "event" VALUES('b','k','p','block','print of k','2026-06-01T09:00:00.000000Z','2026-06-01T10:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T00:00:00.000000Z',NULL,0,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,'',NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "history" VALUES(1,'2026-06-01T00:00:00.000000Z','run','p','seen','','','',NULL,NULL,'','','',NULL);
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
INSERT INTO "intent" VALUES('i','run','create-block','b','p','block',NULL,NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','["m"]',NULL,'','open','2026-06-01T00:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('made','run','create-block','b','p','block','k',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','["m"]',NULL,'','done','2026-06-01T00:00:00.000000Z',0,'','');
CREATE TABLE last_settings (
	system VARCHAR NOT NULL, 
	provider VARCHAR NOT NULL, 
	said TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (system, provider)
);
INSERT INTO "last_settings" VALUES('a','p','{"calendar":{"user":"u"}}','2026-06-01T00:00:00.000000Z');
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
INSERT INTO "pause" VALUES('a','','2026-06-01T00:00:00.000000Z','root','a move of offices');
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
INSERT INTO "replica" VALUES('m','a','e','origin',0,NULL);
INSERT INTO "replica" VALUES('m','b','k','block',0,NULL);
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
INSERT INTO "reported" VALUES('a','unreadable','e','no end','["p"]',86400,5184000,'2026-06-01T00:00:00.000000Z','2026-06-01T00:00:00.000000Z',NULL);
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
INSERT INTO "run" VALUES('r','resync','2026-06-01T00:00:00.000000Z','2026-06-01T00:00:00.000000Z','{"converged":true}');
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
CREATE INDEX booking_provider ON booking (provider, retired);
CREATE INDEX conflict_open ON "conflict" (closed_at, provider);
CREATE INDEX conflict_run ON "conflict" (run);
CREATE INDEX event_provider ON event (provider, retired, starts, ends, system, id);
CREATE INDEX event_window ON event (system, retired, starts, ends, id, fingerprint);
CREATE INDEX history_booking ON history (booking);
CREATE INDEX history_provider ON history (provider);
CREATE INDEX history_run ON history (run);
CREATE INDEX intent_key ON intent ("key");
CREATE INDEX intent_run ON intent (run);
CREATE INDEX intent_state ON intent (state, provider);
CREATE INDEX run_started ON run (started_at);
CREATE INDEX replica_event ON replica (system, event);
CREATE INDEX closing_provider ON closing (provider);
CREATE INDEX closing_visible ON closing (visible_at);
CREATE INDEX event_key ON event ("key");
CREATE INDEX intent_event ON intent (system, event);
CREATE INDEX event_person ON event (system, person);
CREATE INDEX held_back_ended ON held_back (ended_at);
COMMIT;
