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
INSERT INTO "booking" VALUES('row000001','p','appointment','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z cancelled',1,'2026-06-01T06:00:00.000000Z','ends',0);
INSERT INTO "booking" VALUES('row000002','p','appointment','2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed',0,'2026-06-01T06:00:00.000000Z','',0);
INSERT INTO "booking" VALUES('row000003','p','appointment','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed',1,'2026-06-01T06:00:00.000000Z','one change',0);
INSERT INTO "booking" VALUES('row000004','q','appointment','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,'2026-06-01T06:00:00.000000Z','',0);
INSERT INTO "booking" VALUES('row000020','p','appointment','2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed',0,'2026-06-01T06:00:00.000000Z','',0);
INSERT INTO "booking" VALUES('row000052','p','appointment','2026-06-03T09:00:00.000000Z/2026-06-03T10:00:00.000000Z confirmed',0,'2026-06-01T06:00:00.000000Z','',0);
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
INSERT INTO "closing" VALUES('row000003',0,'p','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "closing" VALUES('row000004',0,'q','2026-06-01T06:00:00.000000Z',NULL);
INSERT INTO "closing" VALUES('row000020',0,'p','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "closing" VALUES('row000003',1,'p','2026-06-01T06:00:00.000000Z',NULL);
INSERT INTO "closing" VALUES('row000052',0,'p','2026-06-01T06:00:00.000000Z',NULL);
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
INSERT INTO "conflict" VALUES('row000027','moved_apart','q','row000004','[{"end":"2026-06-01T19:00:00.000000Z","event":"a3","seen_at":"2026-06-01T06:00:00.000000Z","start":"2026-06-01T18:00:00.000000Z","status":"confirmed","system":"a"},{"end":"2026-06-01T20:00:00.000000Z","event":"b0","seen_at":"2026-06-01T06:00:00.000000Z","start":"2026-06-01T19:00:00.000000Z","status":"confirmed","system":"b"}]','7b7250d407d569d6','','moved_apart = hold',1,'row000026','2026-06-01T06:00:00.000000Z',NULL,'');
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
INSERT INTO "coverage" VALUES('a','q','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('a','p','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('b','q','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('b','p','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('c','q','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
INSERT INTO "coverage" VALUES('c','p','appointment,block','2026-05-31T06:00:00.000000Z','2026-07-31T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z');
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
INSERT INTO "event" VALUES('a','a0','p','appointment','',NULL,NULL,NULL,'2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z cancelled',1,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,'2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',0,1);
INSERT INTO "event" VALUES('a','a1','p','appointment','2026-06-01 11:00:00+00:00|2026-06-01 12:00:00+00:00|confirmed|p','2026-06-01T11:00:00.000000Z','2026-06-01T12:00:00.000000Z','2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed',0,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('a','a2','p','appointment','2026-06-02 10:00:00+00:00|2026-06-02 11:00:00+00:00|confirmed|p','2026-06-02T10:00:00.000000Z','2026-06-02T11:00:00.000000Z','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed',0,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('a','a3','q','appointment','2026-06-01 18:00:00+00:00|2026-06-01 19:00:00+00:00|confirmed|q','2026-06-01T18:00:00.000000Z','2026-06-01T19:00:00.000000Z','2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,0,'ann','s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('b','b0','q','appointment','2026-06-01 19:00:00+00:00|2026-06-01 20:00:00+00:00|confirmed|q','2026-06-01T19:00:00.000000Z','2026-06-01T20:00:00.000000Z','2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,0,'7','s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('b','b1','p','block','2026-06-01 09:00:00+00:00|2026-06-01 10:00:00+00:00|confirmed|p','2026-06-01T09:00:00.000000Z','2026-06-01T10:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaa5x',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('b','b2','p','block','2026-06-01 11:00:00+00:00|2026-06-01 12:00:00+00:00|confirmed|p','2026-06-01T11:00:00.000000Z','2026-06-01T12:00:00.000000Z','2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaa7x',NULL,'2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('b','b3','p','block','2026-06-02 09:00:00+00:00|2026-06-02 10:00:00+00:00|confirmed|p','2026-06-02T09:00:00.000000Z','2026-06-02T10:00:00.000000Z','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaadx',NULL,'2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c0','p','block','',NULL,NULL,NULL,'2026-06-01T06:00:00.000000Z',NULL,1,1,NULL,'s','keyaaaabbx',NULL,NULL,'2026-06-01T06:00:00.000000Z','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',0,1);
INSERT INTO "event" VALUES('c','c1','p','block','2026-06-01 11:00:00+00:00|2026-06-01 12:00:00+00:00|confirmed|p','2026-06-01T11:00:00.000000Z','2026-06-01T12:00:00.000000Z','2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaab3x',NULL,'2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c2','q','block','2026-06-01 14:00:00+00:00|2026-06-01 15:00:00+00:00|confirmed|q','2026-06-01T14:00:00.000000Z','2026-06-01T15:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaab5x',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c3','p','block','2026-06-02 09:00:00+00:00|2026-06-02 10:00:00+00:00|confirmed|p','2026-06-02T09:00:00.000000Z','2026-06-02T10:00:00.000000Z','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaab7x',NULL,'2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed',0,0);
INSERT INTO "event" VALUES('a','a4','p','appointment','2026-06-02 14:00:00+00:00|2026-06-02 15:00:00+00:00|confirmed|p','2026-06-02T14:00:00.000000Z','2026-06-02T15:00:00.000000Z','2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed',0,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('b','b4','p','block','2026-06-01 15:00:00+00:00|2026-06-01 16:00:00+00:00|confirmed|p','2026-06-01T15:00:00.000000Z','2026-06-01T16:00:00.000000Z','2026-06-01T15:00:00.000000Z/2026-06-01T16:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T15:00:00.000000Z/2026-06-01T16:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaa5x',NULL,NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('b','b5','q','block','2026-06-01 10:00:00+00:00|2026-06-01 11:00:00+00:00|confirmed|q','2026-06-01T10:00:00.000000Z','2026-06-01T11:00:00.000000Z','2026-06-01T10:00:00.000000Z/2026-06-01T11:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T10:00:00.000000Z/2026-06-01T11:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaa5x',NULL,NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('b','b6','p','block','2026-06-02 14:00:00+00:00|2026-06-02 15:00:00+00:00|confirmed|p','2026-06-02T14:00:00.000000Z','2026-06-02T15:00:00.000000Z','2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaaa5x',NULL,NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('b','b7','p','block','2026-06-01 17:00:00+00:00|2026-06-01 18:00:00+00:00|confirmed|p','2026-06-01T17:00:00.000000Z','2026-06-01T18:00:00.000000Z','2026-06-01T17:00:00.000000Z/2026-06-01T18:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T17:00:00.000000Z/2026-06-01T18:00:00.000000Z confirmed',0,1,'kim','s','keyaaaaa5x',NULL,NULL,NULL,NULL,0,0);
INSERT INTO "event" VALUES('c','c4','p','block','2026-06-02 14:00:00+00:00|2026-06-02 15:00:00+00:00|confirmed|p','2026-06-02T14:00:00.000000Z','2026-06-02T15:00:00.000000Z','2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaa24x',NULL,'2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('a','a5','q','block','2026-06-01 19:00:00+00:00|2026-06-01 20:00:00+00:00|confirmed|q','2026-06-01T19:00:00.000000Z','2026-06-01T20:00:00.000000Z','2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaa2cx',NULL,'2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c5','q','block','2026-06-01 18:00:00+00:00|2026-06-01 19:00:00+00:00|confirmed|q','2026-06-01T18:00:00.000000Z','2026-06-01T19:00:00.000000Z','2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaa37x',NULL,'2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c6','q','block','2026-06-01 19:00:00+00:00|2026-06-01 20:00:00+00:00|confirmed|q','2026-06-01T19:00:00.000000Z','2026-06-01T20:00:00.000000Z','2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaa3dx',NULL,'2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z',NULL,0,0);
INSERT INTO "event" VALUES('c','c7','p','block','2026-06-01 20:00:00+00:00|2026-06-01 21:00:00+00:00|confirmed|p','2026-06-01T20:00:00.000000Z','2026-06-01T21:00:00.000000Z','2026-06-01T20:00:00.000000Z/2026-06-01T21:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-01T20:00:00.000000Z/2026-06-01T21:00:00.000000Z confirmed',0,1,NULL,'s','keyaaaab3x',NULL,NULL,'2026-06-01T06:00:00.000000Z','2026-06-01T20:00:00.000000Z/2026-06-01T21:00:00.000000Z confirmed',0,0);
INSERT INTO "event" VALUES('a','a6','p','appointment','2026-06-03 09:00:00+00:00|2026-06-03 10:00:00+00:00|confirmed|p','2026-06-03T09:00:00.000000Z','2026-06-03T10:00:00.000000Z','2026-06-03T09:00:00.000000Z/2026-06-03T10:00:00.000000Z confirmed','2026-06-01T06:00:00.000000Z','2026-06-03T09:00:00.000000Z/2026-06-03T10:00:00.000000Z confirmed',0,0,NULL,'s',NULL,'2026-06-01T06:00:00.000000Z',NULL,NULL,NULL,0,0);
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
INSERT INTO "exposure" VALUES('q','b','2026-06-01T18:00:00.000000Z','2026-06-01T19:00:00.000000Z','unclosed','["row000004"]','2026-06-01T06:00:00.000000Z','[]');
INSERT INTO "exposure" VALUES('p','b','2026-06-02T10:00:00.000000Z','2026-06-02T11:00:00.000000Z','unclosed','["row000003"]','2026-06-01T06:00:00.000000Z','[]');
INSERT INTO "exposure" VALUES('p','b','2026-06-03T09:00:00.000000Z','2026-06-03T10:00:00.000000Z','unclosed','["row000052"]','2026-06-01T06:00:00.000000Z','[]');
INSERT INTO "exposure" VALUES('p','c','2026-06-03T09:00:00.000000Z','2026-06-03T10:00:00.000000Z','unclosed','["row000052"]','2026-06-01T06:00:00.000000Z','[]');
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
INSERT INTO "history" VALUES(2,'2026-06-01T06:00:00.000000Z','row000000','p','seen','row000002','a','a1',NULL,'2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(3,'2026-06-01T06:00:00.000000Z','row000000','p','seen','row000003','a','a2',NULL,'2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(4,'2026-06-01T06:00:00.000000Z','row000000','q','seen','row000004','a','a3',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(5,'2026-06-01T06:00:00.000000Z','row000000','q','seen','row000004','b','b0',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','twin: same person, same time','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(6,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000001','b','b1',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(7,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000002','b','b2',NULL,'2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(8,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000003','b','b3',NULL,'2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(9,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000001','c','c0',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(10,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000002','c','c1',NULL,'2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(11,'2026-06-01T06:00:00.000000Z','row000000','q','create-block','row000004','c','c2',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(12,'2026-06-01T06:00:00.000000Z','row000000','p','create-block','row000003','c','c3',NULL,'2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(13,'2026-06-01T06:00:00.000000Z','row000019','p','seen','row000020','a','a4',NULL,'2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(14,'2026-06-01T06:00:00.000000Z','row000019','p','create-block','row000020','c','c4',NULL,'2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(15,'2026-06-01T06:00:00.000000Z','row000026','p','changed','row000001','a','a0','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',NULL,'ends','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(16,'2026-06-01T06:00:00.000000Z','row000026','p','agreed','row000001','','','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z cancelled','ends','','',NULL);
INSERT INTO "history" VALUES(17,'2026-06-01T06:00:00.000000Z','row000026','q','create-block','row000004','a','a5',NULL,'2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(18,'2026-06-01T06:00:00.000000Z','row000026','p','remove-block','row000001','c','c0','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',NULL,'nothing is busy there any more','done','',NULL);
INSERT INTO "history" VALUES(19,'2026-06-01T06:00:00.000000Z','row000026','q','create-block','row000004','c','c5',NULL,'2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(20,'2026-06-01T06:00:00.000000Z','row000026','q','create-block','row000004','c','c6',NULL,'2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','busy elsewhere','done','',NULL);
INSERT INTO "history" VALUES(21,'2026-06-01T06:00:00.000000Z','row000041','p','changed','row000003','a','a2','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','one change','','','2026-06-01T06:00:00.000000Z');
INSERT INTO "history" VALUES(22,'2026-06-01T06:00:00.000000Z','row000041','p','agreed','row000003','','','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','one change','','',NULL);
INSERT INTO "history" VALUES(23,'2026-06-01T06:00:00.000000Z','row000041','p','remove-block','','c','c7','2026-06-01T20:00:00.000000Z/2026-06-01T21:00:00.000000Z confirmed',NULL,'nothing is busy there any more','queued as job1','',NULL);
INSERT INTO "history" VALUES(24,'2026-06-01T06:00:00.000000Z','row000041','p','move-block','row000003','c','c3','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','follows its booking','queued as job1','',NULL);
INSERT INTO "history" VALUES(25,'2026-06-01T06:00:00.000000Z','row000051','p','seen','row000052','a','a6',NULL,'2026-06-03T09:00:00.000000Z/2026-06-03T10:00:00.000000Z confirmed','opens a booking','','','2026-06-01T06:00:00.000000Z');
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
INSERT INTO "intent" VALUES('row000006','row000000','create-block','b','p','block','b1',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','["row000001"]','keyaaaaa5x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000008','row000000','create-block','b','p','block','b2',NULL,'2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','["row000002"]','keyaaaaa7x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000010','row000000','create-block','b','p','block','b3',NULL,'2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','["row000003"]','keyaaaaadx','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000012','row000000','create-block','c','p','block','c0',NULL,'2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed','["row000001"]','keyaaaabbx','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000014','row000000','create-block','c','p','block','c1',NULL,'2026-06-01T11:00:00.000000Z/2026-06-01T12:00:00.000000Z confirmed','["row000002"]','keyaaaab3x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000016','row000000','create-block','c','q','block','c2',NULL,'2026-06-01T14:00:00.000000Z/2026-06-01T15:00:00.000000Z confirmed','["row000004"]','keyaaaab5x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000018','row000000','create-block','c','p','block','c3',NULL,'2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','["row000003"]','keyaaaab7x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000021','row000019','remove-block','b','q','block','b5','2026-06-01T10:00:00.000000Z/2026-06-01T11:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','b: DELETE / did not answer');
INSERT INTO "intent" VALUES('row000022','row000019','remove-block','b','p','block','b4','2026-06-01T15:00:00.000000Z/2026-06-01T16:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000023','row000019','remove-block','b','p','block','b7','2026-06-01T17:00:00.000000Z/2026-06-01T18:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000025','row000019','create-block','c','p','block','c4',NULL,'2026-06-02T14:00:00.000000Z/2026-06-02T15:00:00.000000Z confirmed','["row000020"]','keyaaaa24x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000029','row000026','create-block','a','q','block','a5',NULL,'2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','["row000004"]','keyaaaa2cx','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000030','row000026','remove-block','b','p','block','b1','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',NULL,'["row000001"]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','b: DELETE / did not answer');
INSERT INTO "intent" VALUES('row000031','row000026','remove-block','b','q','block','b5','2026-06-01T10:00:00.000000Z/2026-06-01T11:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000032','row000026','remove-block','b','p','block','b4','2026-06-01T15:00:00.000000Z/2026-06-01T16:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000033','row000026','remove-block','b','p','block','b7','2026-06-01T17:00:00.000000Z/2026-06-01T18:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000035','row000026','create-block','b','q','block',NULL,NULL,'2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','["row000004"]','keyaaaa34x','busy elsewhere','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000036','row000026','remove-block','c','p','block','c0','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',NULL,'["row000001"]','keyaaaabbx','nothing is busy there any more','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000038','row000026','create-block','c','q','block','c5',NULL,'2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','["row000004"]','keyaaaa37x','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000040','row000026','create-block','c','q','block','c6',NULL,'2026-06-01T19:00:00.000000Z/2026-06-01T20:00:00.000000Z confirmed','["row000004"]','keyaaaa3dx','busy elsewhere','done','2026-06-01T06:00:00.000000Z',0,'','');
INSERT INTO "intent" VALUES('row000042','row000041','remove-block','b','p','block','b1','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',NULL,'["row000001"]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','b: DELETE / did not answer');
INSERT INTO "intent" VALUES('row000043','row000041','remove-block','b','q','block','b5','2026-06-01T10:00:00.000000Z/2026-06-01T11:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000044','row000041','remove-block','b','p','block','b4','2026-06-01T15:00:00.000000Z/2026-06-01T16:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000045','row000041','remove-block','b','p','block','b7','2026-06-01T17:00:00.000000Z/2026-06-01T18:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000046','row000041','move-block','b','p','block','b3','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','["row000003"]','keyaaaaadx','follows its booking','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000048','row000041','create-block','b','q','block',NULL,NULL,'2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','["row000004"]','keyaaaa47x','busy elsewhere','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000049','row000041','remove-block','c','p','block','c7','2026-06-01T20:00:00.000000Z/2026-06-01T21:00:00.000000Z confirmed',NULL,'[]','keyaaaab3x','nothing is busy there any more','accepted','2026-06-01T06:00:00.000000Z',0,'job1','');
INSERT INTO "intent" VALUES('row000050','row000041','move-block','c','p','block','c3','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','["row000003"]','keyaaaab7x','follows its booking','accepted','2026-06-01T06:00:00.000000Z',0,'job1','');
INSERT INTO "intent" VALUES('row000053','row000051','remove-block','b','p','block','b1','2026-06-01T09:00:00.000000Z/2026-06-01T10:00:00.000000Z confirmed',NULL,'["row000001"]','keyaaaaa5x','nothing is busy there any more','open','2026-06-01T06:00:00.000000Z',0,'','b: POST / did not answer: connection lost');
INSERT INTO "intent" VALUES('row000054','row000051','remove-block','b','q','block','b5','2026-06-01T10:00:00.000000Z/2026-06-01T11:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','open','2026-06-01T06:00:00.000000Z',0,'','b: POST / did not answer: connection lost');
INSERT INTO "intent" VALUES('row000055','row000051','remove-block','b','p','block','b4','2026-06-01T15:00:00.000000Z/2026-06-01T16:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000056','row000051','remove-block','b','p','block','b7','2026-06-01T17:00:00.000000Z/2026-06-01T18:00:00.000000Z confirmed',NULL,'[]','keyaaaaa5x','nothing is busy there any more','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000057','row000051','move-block','b','p','block','b3','2026-06-02T09:00:00.000000Z/2026-06-02T10:00:00.000000Z confirmed','2026-06-02T10:00:00.000000Z/2026-06-02T11:00:00.000000Z confirmed','["row000003"]','keyaaaaadx','follows its booking','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000059','row000051','create-block','b','q','block',NULL,NULL,'2026-06-01T18:00:00.000000Z/2026-06-01T19:00:00.000000Z confirmed','["row000004"]','keyaaaa5cx','busy elsewhere','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000061','row000051','create-block','b','p','block',NULL,NULL,'2026-06-03T09:00:00.000000Z/2026-06-03T10:00:00.000000Z confirmed','["row000052"]','keyaaaa6ax','busy elsewhere','dropped','2026-06-01T06:00:00.000000Z',0,'','not sent');
INSERT INTO "intent" VALUES('row000063','row000051','create-block','c','p','block',NULL,NULL,'2026-06-03T09:00:00.000000Z/2026-06-03T10:00:00.000000Z confirmed','["row000052"]','keyaaaa62x','busy elsewhere','open','2026-06-01T06:00:00.000000Z',0,'','c: POST / did not answer: connection lost');
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
INSERT INTO "replica" VALUES('row000002','a','a1','origin',0);
INSERT INTO "replica" VALUES('row000003','a','a2','origin',1);
INSERT INTO "replica" VALUES('row000004','a','a3','origin',0);
INSERT INTO "replica" VALUES('row000004','b','b0','twin',0);
INSERT INTO "replica" VALUES('row000001','b','b1','block',0);
INSERT INTO "replica" VALUES('row000002','b','b2','block',0);
INSERT INTO "replica" VALUES('row000003','b','b3','block',0);
INSERT INTO "replica" VALUES('row000002','c','c1','block',0);
INSERT INTO "replica" VALUES('row000004','c','c2','block',0);
INSERT INTO "replica" VALUES('row000003','c','c3','block',0);
INSERT INTO "replica" VALUES('row000020','a','a4','origin',0);
INSERT INTO "replica" VALUES('row000020','b','b6','block',0);
INSERT INTO "replica" VALUES('row000020','c','c4','block',0);
INSERT INTO "replica" VALUES('row000004','a','a5','block',0);
INSERT INTO "replica" VALUES('row000004','c','c5','block',0);
INSERT INTO "replica" VALUES('row000004','c','c6','block',0);
INSERT INTO "replica" VALUES('row000052','a','a6','origin',0);
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
INSERT INTO "run" VALUES('row000000','resync','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','{"conflicts":0,"converged":true,"cycles":2,"exposures":0,"operations":{"create-block":7,"move-appointment":0,"move-block":0,"remove-block":0,"set-status":0},"run":"row000000","systems":{"a":{"reads":2,"state":"ok","writes":0},"b":{"reads":2,"state":"ok","writes":3},"c":{"reads":2,"state":"ok","writes":4}}}');
INSERT INTO "run" VALUES('row000019','far','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','{"conflicts":0,"converged":false,"cycles":1,"exposures":0,"operations":{"create-block":1,"move-appointment":0,"move-block":0,"remove-block":0,"set-status":0},"run":"row000019","systems":{"a":{"reads":1,"state":"ok","writes":0},"b":{"reads":1,"state":"down","writes":0},"c":{"reads":1,"state":"ok","writes":1}}}');
INSERT INTO "run" VALUES('row000026','far','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','{"conflicts":1,"converged":false,"cycles":1,"exposures":1,"operations":{"create-block":3,"move-appointment":0,"move-block":0,"remove-block":1,"set-status":0},"run":"row000026","systems":{"a":{"reads":1,"state":"ok","writes":1},"b":{"reads":1,"state":"down","writes":0},"c":{"reads":1,"state":"ok","writes":3}}}');
INSERT INTO "run" VALUES('row000041','far','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','{"conflicts":1,"converged":false,"cycles":1,"exposures":2,"operations":{"create-block":0,"move-appointment":0,"move-block":1,"remove-block":1,"set-status":0},"run":"row000041","systems":{"a":{"reads":1,"state":"ok","writes":0},"b":{"reads":1,"state":"down","writes":0},"c":{"reads":1,"state":"ok","writes":2}}}');
INSERT INTO "run" VALUES('row000051','far','2026-06-01T06:00:00.000000Z','2026-06-01T06:00:00.000000Z','{"conflicts":1,"converged":false,"cycles":1,"exposures":4,"operations":{"create-block":0,"move-appointment":0,"move-block":0,"remove-block":0,"set-status":0},"run":"row000051","systems":{"a":{"reads":1,"state":"ok","writes":0},"b":{"reads":1,"state":"ok","writes":0},"c":{"reads":1,"state":"ok","writes":1}}}');
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
