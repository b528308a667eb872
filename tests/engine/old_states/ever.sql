BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
INSERT INTO "baseline" VALUES('a','p','mapped','2026-06-01T06:00:00.000000Z');
INSERT INTO "baseline" VALUES('b','p','mapped','2026-06-01T06:00:00.000000Z');
INSERT INTO "baseline" VALUES('c','p','mapped','2026-06-01T06:00:00.000000Z');
INSERT INTO "baseline" VALUES('a','q','mapped','2026-06-01T06:00:00.000000Z');
INSERT INTO "baseline" VALUES('b','q','mapped','2026-06-01T06:00:00.000000Z');
INSERT INTO "baseline" VALUES('c','q','mapped','2026-06-01T06:00:00.000000Z');
CREATE TABLE booking (
	id VARCHAR NOT NULL, 
	provider VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	agreed VARCHAR(80) NOT NULL, 
	revision INTEGER NOT NULL, 
	opened_at VARCHAR(27), 
	rule VARCHAR NOT NULL, 
	retired BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "booking" VALUES('row000001','p','appointment','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed',1,'2026-06-01T06:00:00.000000Z','one change',0);
INSERT INTO "booking" VALUES('row000002','p','appointment','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,'2026-06-01T06:00:00.000000Z','',0);
INSERT INTO "booking" VALUES('row000003','q','appointment','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,'2026-06-01T06:00:00.000000Z','',0);
CREATE TABLE closing (
	booking VARCHAR NOT NULL, 
	revision INTEGER NOT NULL, 
	provider VARCHAR NOT NULL, 
	visible_at VARCHAR(27) NOT NULL, 
	closed_at VARCHAR(27), 
	PRIMARY KEY (booking, revision)
);
INSERT INTO "closing" VALUES('row000001',0,'p','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "closing" VALUES('row000002',0,'p','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "closing" VALUES('row000003',0,'q','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "closing" VALUES('row000001',1,'p','2026-06-01T06:00:00.000000Z',NULL);
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
INSERT INTO "conflict" VALUES('row000017','double_booked','p','row000001+row000002','[{"end":"9999-12-31T23:59:59.000000Z","event":"a0","seen_at":"2026-06-01T06:00:00.000000Z","start":"2026-06-01T09:00:00.000000Z","status":"confirmed","system":"a"},{"end":"2026-06-01T15:00:00.000000Z","event":"a1","seen_at":"2026-06-01T06:00:00.000000Z","start":"2026-06-01T14:00:00.000000Z","status":"confirmed","system":"a"}]','285e83237dbdd17a','two meetings overlap','double_booked = report',0,'row000016','2026-06-01T06:00:00.000000Z',NULL,'');
CREATE TABLE coverage (
	system VARCHAR NOT NULL, 
	provider VARCHAR NOT NULL, 
	kinds VARCHAR NOT NULL, 
	starts VARCHAR(27) NOT NULL, 
	ends VARCHAR(27) NOT NULL, 
	read_at VARCHAR(27) NOT NULL, 
	first_at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (system, provider, kinds)
);
INSERT INTO "coverage" VALUES('a','p','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('a','q','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('b','p','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('b','q','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('c','p','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('c','q','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
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
INSERT INTO "event" VALUES('a','a0','p','appointment','2026-06-01 09:00:00+00:00|9999-12-31 23:59:59+00:00|confirmed|p','2026-06-01T09:00:00.000000Z','9999-12-31T23:59:59.000000Z','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed',0,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('a','a1','p','appointment','2026-06-01 14:00:00+00:00|2026-06-01 15:00:00+00:00|confirmed|p','2026-06-01T14:00:00.000000Z','2026-06-01T15:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('a','a2','q','appointment','2026-06-01 14:00:00+00:00|2026-06-01 15:00:00+00:00|confirmed|q','2026-06-01T14:00:00.000000Z','2026-06-01T15:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('b','b0','p','block','2026-06-01 09:00:00+00:00|2026-06-01 10:00:00+00:00|confirmed|p','2026-06-01T09:00:00.000000Z','2026-06-01T10:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaa4x',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('b','b1','p','block','2026-06-01 14:00:00+00:00|2026-06-01 15:00:00+00:00|confirmed|p','2026-06-01T14:00:00.000000Z','2026-06-01T15:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaa6x',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('b','b2','q','block','2026-06-01 14:00:00+00:00|2026-06-01 15:00:00+00:00|confirmed|q','2026-06-01T14:00:00.000000Z','2026-06-01T15:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaacx',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c0','p','block','','2026-06-01T09:00:00.000000Z','9999-12-31T23:59:59.000000Z','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed',0,1,NULL,'s','keyaaaabax',NULL,'2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',0,0);
INSERT INTO "event" VALUES('c','c1','p','block','2026-06-01 14:00:00+00:00|2026-06-01 15:00:00+00:00|confirmed|p','2026-06-01T14:00:00.000000Z','2026-06-01T15:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaab2x',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c2','q','block','2026-06-01 14:00:00+00:00|2026-06-01 15:00:00+00:00|confirmed|q','2026-06-01T14:00:00.000000Z','2026-06-01T15:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaab4x',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
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
INSERT INTO "exposure" VALUES('p','b','2026-06-01T09:00:00.000000Z','9999-12-31T23:59:59.000000Z','unclosed','["row000001"]','2026-06-01T06:00:00.000000Z','[]');
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
INSERT INTO "history" VALUES(1,'2026-06-01T06:00:00.000000Z','row000000','p','seen','row000001','a','a0',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(2,'2026-06-01T06:00:00.000000Z','row000000','p','seen','row000002','a','a1',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(3,'2026-06-01T06:00:00.000000Z','row000000','q','seen','row000003','a','a2',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(4,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000001','b','b0',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(5,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000002','b','b1',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(6,'2026-06-01T06:00:00.000000Z','row000000','q','create-block','row000003','b','b2',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(7,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000001','c','c0',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(8,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000002','c','c1',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(9,'2026-06-01T06:00:00.000000Z','row000000','q','create-block','row000003','c','c2',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(10,'2026-06-01T06:00:00.000000Z','row000016','p','changed','row000001','a','a0','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','one change','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(11,'2026-06-01T06:00:00.000000Z','row000016','p','agreed','row000001','','','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','one change','','',NULL);
INSERT INTO "history" VALUES(12,'2026-06-01T06:00:00.000000Z','row000016','p','move-block','row000001','c','c0','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','follows its booking','done','',NULL);
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
INSERT INTO "intent" VALUES('row000005','row000000','create-block','b','p','block','b0',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','["row000001"]','keyaaaaa4x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000007','row000000','create-block','b','p','block','b1',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','["row000002"]','keyaaaaa6x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000009','row000000','create-block','b','q','block','b2',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','["row000003"]','keyaaaaacx','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000011','row000000','create-block','c','p','block','c0',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','["row000001"]','keyaaaabax','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000013','row000000','create-block','c','p','block','c1',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','["row000002"]','keyaaaab2x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000015','row000000','create-block','c','q','block','c2',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','["row000003"]','keyaaaab4x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000018','row000016','move-block','b','p','block','b0','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','["row000001"]','keyaaaaa4x','follows its booking','open','2026-06-01T06:00:00.000000Z',0,'','b: POST / did not answer: connection lost');
INSERT INTO "intent" VALUES('row000019','row000016','move-block','c','p','block','c0','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T09:00:00.000000Z/9999-12-31T23:59:59.000000Z confirmed','["row000001"]','keyaaaabax','follows its booking','done','2026-06-01T06:00:00.000000Z',0,'','');
CREATE TABLE odd (
	system VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	first_at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (system, event, reason)
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
	settled INTEGER NOT NULL, 
	PRIMARY KEY (booking, system, event), 
	FOREIGN KEY(booking) REFERENCES booking (id)
);
INSERT INTO "replica" VALUES('row000001','a','a0','origin',1);
INSERT INTO "replica" VALUES('row000002','a','a1','origin',0);
INSERT INTO "replica" VALUES('row000003','a','a2','origin',0);
INSERT INTO "replica" VALUES('row000001','b','b0','block',0);
INSERT INTO "replica" VALUES('row000002','b','b1','block',0);
INSERT INTO "replica" VALUES('row000003','b','b2','block',0);
INSERT INTO "replica" VALUES('row000001','c','c0','block',0);
INSERT INTO "replica" VALUES('row000002','c','c1','block',0);
INSERT INTO "replica" VALUES('row000003','c','c2','block',0);
CREATE TABLE rota (
	provider VARCHAR NOT NULL, 
	slice INTEGER NOT NULL, 
	reads INTEGER NOT NULL, 
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
INSERT INTO "run" VALUES('row000000','resync','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','{"conflicts":0,"converged":true,"cycles":2,"exposures":0,"operations":{"create-block":6,"move-appointment":0,"move-block":0,"remove-block":0,"set-status":0},"run":"row000000","systems":{"a":{"reads":2,"state":"ok","writes":0},"b":{"reads":2,"state":"ok","writes":3},"c":{"reads":2,"state":"ok","writes":3}}}');
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
COMMIT;
