PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('0005');
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	slug TEXT NOT NULL, 
	name TEXT NOT NULL, 
	jid TEXT, 
	subject TEXT, 
	owner TEXT, 
	priority INTEGER DEFAULT '0' NOT NULL, 
	notes TEXT, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	CONSTRAINT pk_groups PRIMARY KEY (id), 
	CONSTRAINT uq_groups_jid UNIQUE (jid), 
	CONSTRAINT uq_groups_slug UNIQUE (slug)
);
INSERT INTO "groups" VALUES(1,'management','Management','120363971103430788@g.us','Management','15550100001',90,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(2,'on-call','On Call','120363820337276587@g.us','On Call',NULL,90,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(3,'office-kitchen','Office Kitchen','120363928823800998@g.us','Office Kitchen',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(4,'customers-west-africa','Customers West Africa','120363440490969935@g.us','Customers West Africa','15550100001',100,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(5,'wholesale-partners','Wholesale Partners','120363038256417149@g.us','Wholesale Partners',NULL,95,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(6,'franchise-owners','Franchise Owners','120363923126676814@g.us','Franchise Owners',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(7,'couriers-north','Couriers North','120363174670113153@g.us','Couriers North',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(8,'flash-deals','Flash Deals','120363681059914312@g.us','Flash Deals',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(9,'city-council-liaison','City Council Liaison','120363985767376033@g.us','City Council Liaison',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(10,'company-news','Company News','120363102880245950@g.us','Company News',NULL,80,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(11,'field-team-east','Field Team East','120363480842529641@g.us','Field Team East',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(12,'returns-desk','Returns Desk',NULL,'Returns Desk',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(13,'spare-parts','Spare Parts','120363727657591731@g.us','Spare Parts',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(14,'trade-fair-2024','Trade Fair 2024','120363573949392812@g.us','Trade Fair 2024',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(15,'summer-campaign','Summer Campaign','120363742121510489@g.us','Summer Campaign',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(16,'neighbourhood-shops-bakers','Neighbourhood Shops: Bakers','120363360712971052@g.us','Neighbourhood Shops: Bakers',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(17,'beta-testers','Beta Testers','120363616354745432@g.us','Beta Testers',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(18,'founders','Founders','15550100001-1587570015@g.us','Founders',NULL,70,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(19,'regional-managers','Regional Managers','120363710182121419@g.us','Regional Managers',NULL,60,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(20,'price-list','Price List','120363406433484753@g.us','Price List',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(21,'drivers-south','Drivers South','120363519306475738@g.us','Drivers South',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(22,'service-points','Service Points','120363561185407756@g.us','Service Points',NULL,0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(23,'fleet-recife','Fleet Recife','120363096876774830@g.us','Fleet Recife','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(24,'clinic-tunis','Clinic Tunis','120363000595656594@g.us','Clinic Tunis','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(25,'partners-amman','Partners Amman','120363105612850762@g.us','Partners Amman','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(26,'field-team-surabaya','Field Team Surabaya','120363843698130443@g.us','Field Team Surabaya','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(27,'clinic-madrid','Clinic Madrid','120363675201782202@g.us','Clinic Madrid','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(28,'onboarding-dakar','Onboarding Dakar','120363454563954292@g.us','Onboarding Dakar','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(29,'orders-sao-paulo','Orders São Paulo','120363258157558605@g.us','Orders São Paulo','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(30,'installers-accra','Installers Accra','120363704802174627@g.us','Installers Accra','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(31,'partners-madrid','Partners Madrid','120363110583300398@g.us','Partners Madrid','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(32,'warehouse-tunis','Warehouse Tunis','120363254737839845@g.us','Warehouse Tunis','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(33,'clinic-mumbai','Clinic Mumbai','120363372206193615@g.us','Clinic Mumbai','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(34,'escalations-accra','Escalations Accra','120363059241448971@g.us','Escalations Accra','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(35,'field-team-jakarta','Field Team Jakarta','120363115568262222@g.us','Field Team Jakarta','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(36,'dispatch-cairo','Dispatch Cairo','120363903715178688@g.us','Dispatch Cairo','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(37,'sales-quito','Sales Quito','120363606777731534@g.us','Sales Quito','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(38,'dispatch-sao-paulo','Dispatch São Paulo','120363877405924670@g.us','Dispatch São Paulo','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(39,'orders-amman','Orders Amman','120363076991439408@g.us','Orders Amman','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
INSERT INTO "groups" VALUES(40,'key-accounts-pune','Key Accounts Pune','120363398889990622@g.us','Key Accounts Pune','15550100001',0,NULL,1795728920.9715433121,1795728920.9715433121);
CREATE TABLE instances (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	gateway TEXT NOT NULL, 
	account TEXT NOT NULL, 
	known_since DOUBLE NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	lease_holder TEXT, 
	lease_until DOUBLE, 
	seen_at DOUBLE, 
	seen_boottime DOUBLE, 
	seen_boot_id TEXT, 
	seen_database TEXT, 
	pause_reason TEXT, 
	pause_text TEXT, 
	pause_by TEXT, 
	paused_at DOUBLE, 
	paused_until DOUBLE, 
	strikes INTEGER DEFAULT '0' NOT NULL, 
	slow_until DOUBLE, 
	state TEXT, 
	state_word TEXT, 
	state_since DOUBLE, 
	state_checked_at DOUBLE, 
	own_phone TEXT, 
	own_lid TEXT, session_name TEXT, identified_fence INTEGER, identity_changed_at DOUBLE, configured BOOLEAN DEFAULT 1 NOT NULL, history_epoch INTEGER DEFAULT '0' NOT NULL, clock_steps INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_instances PRIMARY KEY (id), 
	CONSTRAINT uq_instances_name UNIQUE (name)
);
INSERT INTO instances VALUES(1,'sales-main','primary','wawp','http://127.0.0.1:9#123456789012',1795723616.2519903182,0,NULL,NULL,NULL,NULL,NULL,'2328208/@65024',NULL,NULL,NULL,NULL,NULL,0,NULL,'lost','FAILED',1795733348.8533658981,1795734139.7724599838,NULL,NULL,'wawp-123456789012',NULL,NULL,1,0,0);
INSERT INTO instances VALUES(2,'backup-1','backup','wawp','http://127.0.0.1:9#210987654321',1795723616.2519903182,2,NULL,NULL,1795732712.4923105239,771215.36728728003798,'e8b0e91d-5d4f-454b-86c8-5a43da11ba3e','2328208/@65024','operator',NULL,'ops@rejoin-1',1795734792.9348726272,NULL,0,NULL,'working','WORKING',1795729209.0955228805,1795734160.2913446426,'15550100002','188000100000002','wawp-210987654321',2,NULL,1,0,0);
CREATE TABLE journal (
	id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	kind TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	instance_id INTEGER, 
	group_id INTEGER, 
	recovery_id INTEGER, 
	data TEXT DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_journal PRIMARY KEY (id)
);
INSERT INTO journal VALUES(1,1795728920.9715433121,'act.import','ops@rejoin-1',NULL,NULL,NULL,'{"source":"groups.csv","rows":40,"new":40,"updated":0,"unchanged":0}');
INSERT INTO journal VALUES(2,1795729209.0955228805,'session','ops@rejoin-1',2,NULL,NULL,'{"state":"working","word":"WORKING"}');
INSERT INTO journal VALUES(3,1795729212.2143812179,'recovery.started','ops@rejoin-1',2,NULL,1,'{"pace":4.0}');
INSERT INTO journal VALUES(4,1795729223.8546247481,'look','ops@rejoin-1',2,2,1,'{"seen":"listed","jid":"120363820337276587@g.us","status":"active"}');
INSERT INTO journal VALUES(5,1795729223.8546247481,'look','ops@rejoin-1',2,3,1,'{"seen":"listed","jid":"120363928823800998@g.us","status":"active"}');
INSERT INTO journal VALUES(6,1795729223.8546247481,'look','ops@rejoin-1',2,1,1,'{"seen":"listed","jid":"120363971103430788@g.us","status":"active"}');
INSERT INTO journal VALUES(7,1795729233.5733480453,'probe','ops@rejoin-1',2,4,1,'{"code":"fzyi","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(8,1795729234.4134016036,'slot','ops@rejoin-1',2,4,1,'{"n":1,"send_at":1795729234.4134016,"code":"fzyi"}');
INSERT INTO journal VALUES(9,1795729236.334950447,'probe','ops@rejoin-1',2,5,1,'{"code":"bAAj","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(10,1795729236.8129129409,'join','ops@rejoin-1',2,4,1,'{"n":1,"outcome":"joined","http":200,"jid":"120363440490969935@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(11,1795729244.3735380173,'slot','ops@rejoin-1',2,5,1,'{"n":2,"send_at":1795729249.7680585,"code":"bAAj"}');
INSERT INTO journal VALUES(12,1795729251.8134565353,'look','ops@rejoin-1',2,4,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363440490969935@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(13,1795729252.6535100936,'probe','ops@rejoin-1',2,10,1,'{"code":"QiGQ","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(14,1795729254.4543523788,'greeting','ops@rejoin-1',2,4,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(15,1795729255.4151124954,'join','ops@rejoin-1',2,5,1,'{"n":2,"outcome":"accepted","http":200,"sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(16,1795729257.5732107162,'greeting','ops@rejoin-1',2,4,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(17,1795729259.0119619369,'probe','ops@rejoin-1',2,18,1,'{"code":"7phN","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(18,1795729261.1748952864,'slot','ops@rejoin-1',2,10,1,'{"n":3,"send_at":1795729264.521942,"code":"QiGQ"}');
INSERT INTO journal VALUES(19,1795729264.173075676,'look','ops@rejoin-1',2,5,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363038256417149@g.us","status":"confirming"}');
INSERT INTO journal VALUES(20,1795729267.1712274551,'probe','ops@rejoin-1',2,19,1,'{"code":"BMcR","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(21,1795729268.9720697403,'join','ops@rejoin-1',2,10,1,'{"n":3,"outcome":"joined","http":200,"jid":"120363102880245950@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(22,1795729270.7729120254,'look','ops@rejoin-1',2,5,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363038256417149@g.us","status":"confirming"}');
INSERT INTO journal VALUES(23,1795729271.8543787002,'probe','ops@rejoin-1',2,6,1,'{"code":"72fF","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(24,1795729273.4138078689,'slot','ops@rejoin-1',2,18,1,'{"n":4,"send_at":1795729277.53295,"code":"7phN"}');
INSERT INTO journal VALUES(25,1795729296.9308729171,'look','ops@rejoin-1',2,10,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363102880245950@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(26,1795729298.2537527084,'slot','ops@rejoin-1',2,19,1,'{"n":5,"send_at":1795729298.2537527,"code":"BMcR"}');
INSERT INTO journal VALUES(27,1795729300.5325574874,'join','ops@rejoin-1',2,18,1,'{"n":4,"outcome":"joined","http":200,"jid":"15550100001-1587570015@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(28,1795729302.5747842788,'greeting','ops@rejoin-1',2,10,1,'{"greeting":"skipped","why":"only admins may write here"}');
INSERT INTO journal VALUES(29,1795729305.8143491745,'look','ops@rejoin-1',2,5,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363038256417149@g.us","status":"confirming"}');
INSERT INTO journal VALUES(30,1795729306.654431343,'probe','ops@rejoin-1',2,7,1,'{"code":"SUH6","outcome":"code_revoked","http":500,"iq":410,"status":"blocked","reason":"code_revoked","detail":"(HTTP 500) info query returned status 410: gone | wawp_upstream_error"}');
INSERT INTO journal VALUES(31,1795729309.411198616,'look','ops@rejoin-1',2,18,1,'{"seen":"in","outcome":"ok","http":200,"jid":"15550100001-1587570015@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(32,1795729311.5741319656,'slot','ops@rejoin-1',2,6,1,'{"n":6,"send_at":1795729314.1133611,"code":"72fF"}');
INSERT INTO journal VALUES(33,1795729314.0943212508,'join','ops@rejoin-1',2,19,1,'{"n":5,"outcome":"unknown","sent":true,"status":"confirming","reason":"outcome_unknown","detail":"the connection was cut before the whole answer came"}');
INSERT INTO journal VALUES(34,1795729315.4123659134,'probe','ops@rejoin-1',2,8,1,'{"code":"2Igw","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(35,1795729316.9718236923,'greeting','ops@rejoin-1',2,18,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(36,1795729319.6127195358,'probe','ops@rejoin-1',2,9,1,'{"code":"xy0O","outcome":"removed","http":500,"iq":401,"status":"blocked","reason":"removed_by_admin","detail":"(HTTP 500) info query returned status 401: not-authorized | wawp_upstream_error"}');
INSERT INTO journal VALUES(37,1795729321.2928552628,'greeting','ops@rejoin-1',2,18,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(38,1795729322.6108999252,'join','ops@rejoin-1',2,6,1,'{"n":6,"outcome":"accepted","http":200,"sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(39,1795729328.1341047287,'probe','ops@rejoin-1',2,11,1,'{"code":"FBHq","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(40,1795729329.9349184036,'look','ops@rejoin-1',2,19,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363710182121419@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(41,1795729331.4943761825,'slot','ops@rejoin-1',2,8,1,'{"n":7,"send_at":1795729331.4943762,"code":"2Igw"}');
INSERT INTO journal VALUES(42,1795729333.2951898575,'probe','ops@rejoin-1',2,12,1,'{"code":"tbBr","outcome":"ok","http":200,"status":"blocked","reason":"identity_mismatch","detail":"expected the subject \"Returns Desk\", the link opens \"Old Friends Chat\""}');
INSERT INTO journal VALUES(43,1795729334.6132345199,'greeting','ops@rejoin-1',2,19,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(44,1795729335.0911970138,'look','ops@rejoin-1',2,6,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363923126676814@g.us","status":"confirming"}');
INSERT INTO journal VALUES(45,1795729336.8920392989,'join','ops@rejoin-1',2,8,1,'{"n":7,"outcome":"group_full","http":500,"iq":419,"sent":true,"status":"deferred","reason":"group_full","detail":"(HTTP 500) info query returned status 419: resource-limit | wawp_upstream_error"}');
INSERT INTO journal VALUES(46,1795729339.0549726486,'probe','ops@rejoin-1',2,13,1,'{"code":"jWXO","outcome":"ok","http":200,"status":"blocked","reason":"identity_mismatch","detail":"expected 120363727657591731@g.us, the link opens 120363800107549288@g.us, \"Crypto Signals 4U\""}');
INSERT INTO journal VALUES(47,1795729340.4937238693,'greeting','ops@rejoin-1',2,19,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(48,1795729341.8117399215,'look','ops@rejoin-1',2,5,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363038256417149@g.us","status":"confirming"}');
INSERT INTO journal VALUES(49,1795729342.8932065963,'probe','ops@rejoin-1',2,14,1,'{"code":"Wnid","outcome":"group_gone","http":500,"iq":404,"status":"blocked","reason":"group_gone","detail":"(HTTP 500) info query returned status 404: item-not-found | wawp_upstream_error"}');
INSERT INTO journal VALUES(50,1795729344.0953798293,'slot','ops@rejoin-1',2,11,1,'{"n":8,"send_at":1795729348.3083825,"code":"FBHq"}');
INSERT INTO journal VALUES(51,1795729345.5341024399,'look','ops@rejoin-1',2,6,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363923126676814@g.us","status":"confirming"}');
INSERT INTO journal VALUES(52,1795729346.7314405441,'probe','ops@rejoin-1',2,15,1,'{"code":"N0kj","outcome":"growth_locked","http":500,"iq":436,"status":"deferred","reason":"group_locked","detail":"(HTTP 500) info query returned status 436: growth-locked | wawp_upstream_error"}');
INSERT INTO journal VALUES(53,1795729351.293885231,'join','ops@rejoin-1',2,11,1,'{"n":8,"outcome":"joined","http":200,"jid":"120363480842529641@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(54,1795729353.3313055037,'probe','ops@rejoin-1',2,16,1,'{"code":"TuOU","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(55,1795729356.6915769576,'probe','ops@rejoin-1',2,17,1,'{"code":"QzT0","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(56,1795729357.6523370743,'look','ops@rejoin-1',2,11,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363480842529641@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(57,1795729359.5738859176,'slot','ops@rejoin-1',2,16,1,'{"n":9,"send_at":1795729362.650673,"code":"TuOU"}');
INSERT INTO journal VALUES(58,1795729361.6112775802,'greeting','ops@rejoin-1',2,11,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(59,1795729362.692744255,'look','ops@rejoin-1',2,6,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363923126676814@g.us","status":"confirming"}');
INSERT INTO journal VALUES(60,1795729364.1314954757,'greeting','ops@rejoin-1',2,11,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(61,1795729366.1737222671,'join','ops@rejoin-1',2,16,1,'{"n":9,"outcome":"joined","http":200,"jid":"120363360712971052@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(62,1795729367.2551889419,'probe','ops@rejoin-1',2,20,1,'{"code":"Lt99","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(63,1795729371.5713853835,'probe','ops@rejoin-1',2,21,1,'{"code":"DZEs","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(64,1795729374.9316568374,'look','ops@rejoin-1',2,16,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363360712971052@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(65,1795729376.9738836288,'slot','ops@rejoin-1',2,17,1,'{"n":10,"send_at":1795729379.5306365,"code":"QzT0"}');
INSERT INTO journal VALUES(66,1795729379.0113039015,'greeting','ops@rejoin-1',2,16,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(67,1795729382.2508687972,'join','ops@rejoin-1',2,17,1,'{"n":10,"outcome":"joined","http":200,"jid":"120363616354745432@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(68,1795729383.8151330948,'greeting','ops@rejoin-1',2,16,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(69,1795729385.9732313156,'instance.paused','ops@rejoin-1',2,NULL,1,'{"reason":"rate_limited","until":1795729445.9732313,"text":"(HTTP 500) info query returned status 429: rate-overlimit | wawp_upstream_error"}');
INSERT INTO journal VALUES(70,1795729385.9732313156,'probe','ops@rejoin-1',2,22,1,'{"code":"XGlN","outcome":"throttled","http":500,"iq":429,"status":"pending"}');
INSERT INTO journal VALUES(71,1795729388.8555402755,'look','ops@rejoin-1',2,17,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363616354745432@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(72,1795729492.0535535812,'instance.resumed','ops@rejoin-1',2,NULL,1,'{"why":"the pause is over"}');
INSERT INTO journal VALUES(73,1795729494.6944494247,'greeting','ops@rejoin-1',2,17,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(74,1795729496.012465477,'look','ops@rejoin-1',2,6,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363923126676814@g.us","status":"awaiting_approval","reason":"approval_pending"}');
INSERT INTO journal VALUES(75,1795729496.8525476455,'probe','ops@rejoin-1',2,22,1,'{"code":"XGlN","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(76,1795729497.3353452682,'slot','ops@rejoin-1',2,20,1,'{"n":11,"send_at":1795729497.3353453,"code":"Lt99"}');
INSERT INTO journal VALUES(77,1795729499.6141500472,'greeting','ops@rejoin-1',2,17,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(78,1795729500.2128190994,'look','ops@rejoin-1',2,5,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363038256417149@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(79,1795729501.052901268,'join','ops@rejoin-1',2,20,1,'{"n":11,"outcome":"joined","http":200,"jid":"120363406433484753@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(80,1795729501.7722482681,'probe','ops@rejoin-1',2,23,1,'{"code":"qqTe","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(81,1795729506.4553995132,'greeting','ops@rejoin-1',2,5,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(82,1795729523.1312150955,'look','ops@rejoin-1',2,20,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363406433484753@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(83,1795729525.651432991,'slot','ops@rejoin-1',2,21,1,'{"n":12,"send_at":1795729525.651433,"code":"DZEs"}');
INSERT INTO journal VALUES(84,1795729526.974284172,'greeting','ops@rejoin-1',2,5,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(85,1795729527.6936597824,'greeting','ops@rejoin-1',2,20,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(86,1795729542.8148813247,'join','ops@rejoin-1',2,21,1,'{"n":12,"outcome":"unknown","http":503,"sent":true,"status":"confirming","reason":"outcome_unknown","detail":"the gateway''s answer is not understood (HTTP 503) Service temporarily unavailable | Server Error"}');
INSERT INTO journal VALUES(87,1795729543.7708349228,'slot','ops@rejoin-1',2,22,1,'{"n":13,"send_at":1795729543.770835,"code":"XGlN"}');
INSERT INTO journal VALUES(88,1795729545.5716485977,'greeting','ops@rejoin-1',2,20,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(89,1795729557.9312677383,'slot','ops@rejoin-1',2,23,1,'{"n":14,"send_at":1795729558.318637,"code":"qqTe"}');
INSERT INTO journal VALUES(90,1795729558.6554784774,'probe','ops@rejoin-1',2,24,1,'{"code":"AB5K","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(91,1795729559.0127344131,'join','ops@rejoin-1',2,22,1,'{"n":13,"outcome":"joined","http":200,"jid":"120363561185407756@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(92,1795729559.7321100234,'look','ops@rejoin-1',2,21,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363519306475738@g.us","status":"confirming","reason":"outcome_unknown"}');
INSERT INTO journal VALUES(93,1795729560.0942010879,'join','ops@rejoin-1',2,23,1,'{"n":14,"outcome":"joined","http":200,"jid":"120363096876774830@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(94,1795729563.4544725418,'probe','ops@rejoin-1',2,25,1,'{"code":"OUy0","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(95,1795729564.2945547103,'look','ops@rejoin-1',2,22,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363561185407756@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(96,1795729565.853983879,'probe','ops@rejoin-1',2,26,1,'{"code":"GXln","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(97,1795729602.2134656906,'greeting','ops@rejoin-1',2,22,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(98,1795729649.1317529678,'slot','ops@rejoin-1',2,24,1,'{"n":15,"send_at":1795729649.131753,"code":"AB5K"}');
INSERT INTO journal VALUES(99,1795729650.5753107071,'look','ops@rejoin-1',2,23,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363096876774830@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(100,1795729661.4913721084,'greeting','ops@rejoin-1',2,22,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(101,1795729664.3736524581,'join','ops@rejoin-1',2,24,1,'{"n":15,"outcome":"joined","http":200,"jid":"120363000595656594@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(102,1795729671.2149019241,'look','ops@rejoin-1',2,21,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363519306475738@g.us","status":"deferred","reason":"gateway_error"}');
INSERT INTO journal VALUES(103,1795729672.0549840927,'slot','ops@rejoin-1',2,25,1,'{"n":16,"send_at":1795729672.054984,"code":"OUy0"}');
INSERT INTO journal VALUES(104,1795729673.0109090804,'greeting','ops@rejoin-1',2,23,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(105,1795729673.3730001449,'probe','ops@rejoin-1',2,27,1,'{"code":"TCkU","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(106,1795729674.3337888717,'look','ops@rejoin-1',2,24,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363000595656594@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(107,1795729674.6910448074,'join','ops@rejoin-1',2,25,1,'{"n":16,"outcome":"joined","http":200,"jid":"120363105612850762@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(108,1795729675.1738424301,'greeting','ops@rejoin-1',2,23,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(109,1795729675.8932180404,'probe','ops@rejoin-1',2,28,1,'{"code":"xiX1","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(110,1795729686.0947389602,'slot','ops@rejoin-1',2,26,1,'{"n":17,"send_at":1795729687.840144,"code":"GXln"}');
INSERT INTO journal VALUES(111,1795729687.5334615706,'greeting','ops@rejoin-1',2,24,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(112,1795729687.8907461166,'look','ops@rejoin-1',2,25,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363105612850762@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(113,1795729698.9323205948,'greeting','ops@rejoin-1',2,24,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(114,1795729699.5309896469,'join','ops@rejoin-1',2,26,1,'{"n":17,"outcome":"joined","http":200,"jid":"120363843698130443@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(115,1795729784.3730230331,'slot','ops@rejoin-1',2,27,1,'{"n":18,"send_at":1795729784.373023,"code":"TCkU"}');
INSERT INTO journal VALUES(116,1795729786.2945432662,'greeting','ops@rejoin-1',2,25,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(117,1795729787.9746789932,'look','ops@rejoin-1',2,26,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363843698130443@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(118,1795729788.8147611617,'probe','ops@rejoin-1',2,29,1,'{"code":"FEVJ","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(119,1795729789.8913927078,'join','ops@rejoin-1',2,27,1,'{"n":18,"outcome":"joined","http":200,"jid":"120363675201782202@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(120,1795729790.3741903304,'greeting','ops@rejoin-1',2,25,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(121,1795729791.0935659409,'probe','ops@rejoin-1',2,30,1,'{"code":"2Deb","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(122,1795729793.971039772,'slot','ops@rejoin-1',2,28,1,'{"n":19,"send_at":1795729798.839759,"code":"xiX1"}');
INSERT INTO journal VALUES(123,1795729802.4923963546,'look','ops@rejoin-1',2,27,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363675201782202@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(124,1795729804.2932386398,'greeting','ops@rejoin-1',2,26,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(125,1795729805.3747053146,'join','ops@rejoin-1',2,28,1,'{"n":19,"outcome":"joined","http":200,"jid":"120363454563954292@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(126,1795729829.1331834792,'slot','ops@rejoin-1',2,29,1,'{"n":20,"send_at":1795729829.1331835,"code":"FEVJ"}');
INSERT INTO journal VALUES(127,1795729838.2532377242,'slot','ops@rejoin-1',2,30,1,'{"n":21,"send_at":1795729843.1887362,"code":"2Deb"}');
INSERT INTO journal VALUES(128,1795729843.0522317886,'look','ops@rejoin-1',2,6,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363923126676814@g.us","status":"awaiting_approval","reason":"approval_pending"}');
INSERT INTO journal VALUES(129,1795729846.6539163589,'greeting','ops@rejoin-1',2,26,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(130,1795729849.7727746963,'join','ops@rejoin-1',2,29,1,'{"n":20,"outcome":"joined","http":200,"jid":"120363258157558605@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(131,1795729851.6943235397,'probe','ops@rejoin-1',2,21,1,'{"code":"DZEs","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(132,1795729852.6550836563,'greeting','ops@rejoin-1',2,27,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(133,1795729853.4951658249,'slot','ops@rejoin-1',2,21,1,'{"n":22,"send_at":1795729856.3591697,"code":"DZEs"}');
INSERT INTO journal VALUES(134,1795729862.3738069533,'join','ops@rejoin-1',2,30,1,'{"n":21,"outcome":"joined","http":200,"jid":"120363704802174627@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(135,1795729864.0539426803,'look','ops@rejoin-1',2,28,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363454563954292@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(136,1795729865.8547849655,'probe','ops@rejoin-1',2,31,1,'{"code":"njmT","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(137,1795729868.1335897445,'join','ops@rejoin-1',2,21,1,'{"n":22,"outcome":"joined","http":200,"jid":"120363519306475738@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(138,1795729869.6930189132,'greeting','ops@rejoin-1',2,27,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(139,1795729871.3731546401,'slot','ops@rejoin-1',2,31,1,'{"n":23,"send_at":1795729871.3731546,"code":"njmT"}');
INSERT INTO journal VALUES(140,1795729873.4153814316,'look','ops@rejoin-1',2,29,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363258157558605@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(141,1795729875.0955171585,'greeting','ops@rejoin-1',2,28,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(142,1795729877.6108999252,'probe','ops@rejoin-1',2,32,1,'{"code":"4lUT","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(143,1795729879.0544576644,'join','ops@rejoin-1',2,31,1,'{"n":23,"outcome":"joined","http":200,"jid":"120363110583300398@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(144,1795729880.4932088851,'look','ops@rejoin-1',2,30,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363704802174627@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(145,1795729881.8112249374,'greeting','ops@rejoin-1',2,28,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(146,1795729883.853480339,'probe','ops@rejoin-1',2,33,1,'{"code":"CBrh","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(147,1795729888.2952184677,'look','ops@rejoin-1',2,21,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363519306475738@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(148,1795729890.3326101303,'slot','ops@rejoin-1',2,32,1,'{"n":24,"send_at":1795729890.3326101,"code":"4lUT"}');
INSERT INTO journal VALUES(149,1795729892.7321214675,'greeting','ops@rejoin-1',2,29,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(150,1795729895.2523107529,'probe','ops@rejoin-1',2,34,1,'{"code":"H2Or","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(151,1795729896.6910619736,'look','ops@rejoin-1',2,31,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363110583300398@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(152,1795729907.1339673996,'join','ops@rejoin-1',2,32,1,'{"n":24,"outcome":"joined","http":200,"jid":"120363254737839845@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(153,1795729912.531630516,'greeting','ops@rejoin-1',2,29,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(154,1795729924.7753782272,'probe','ops@rejoin-1',2,35,1,'{"code":"hlsE","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(155,1795729928.2515211105,'slot','ops@rejoin-1',2,33,1,'{"n":25,"send_at":1795729928.251521,"code":"CBrh"}');
INSERT INTO journal VALUES(156,1795729945.0528783797,'look','ops@rejoin-1',2,32,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363254737839845@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(157,1795729945.7722539901,'greeting','ops@rejoin-1',2,30,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(158,1795729951.5320367813,'slot','ops@rejoin-1',2,34,1,'{"n":26,"send_at":1795729951.5320368,"code":"H2Or"}');
INSERT INTO journal VALUES(159,1795729957.5332040786,'join','ops@rejoin-1',2,33,1,'{"n":25,"outcome":"joined","http":200,"jid":"120363372206193615@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(160,1795729958.851248741,'greeting','ops@rejoin-1',2,30,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(161,1795729963.7709493636,'join','ops@rejoin-1',2,34,1,'{"n":26,"outcome":"joined","http":200,"jid":"120363059241448971@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(162,1795729969.4148607253,'probe','ops@rejoin-1',2,36,1,'{"code":"YE9W","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(163,1795729970.6121988296,'greeting','ops@rejoin-1',2,21,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(164,1795729971.0949964523,'slot','ops@rejoin-1',2,35,1,'{"n":27,"send_at":1795729971.0949965,"code":"hlsE"}');
INSERT INTO journal VALUES(165,1795729973.1323881149,'look','ops@rejoin-1',2,33,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363372206193615@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(166,1795729973.8517637252,'probe','ops@rejoin-1',2,37,1,'{"code":"LWEn","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(167,1795729975.2953214645,'greeting','ops@rejoin-1',2,21,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(168,1795729977.5741262436,'join','ops@rejoin-1',2,35,1,'{"n":27,"outcome":"joined","http":200,"jid":"120363115568262222@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(169,1795729978.1728239059,'look','ops@rejoin-1',2,34,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363059241448971@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(170,1795729988.8522787093,'probe','ops@rejoin-1',2,38,1,'{"code":"RI64","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(171,1795729990.7738275527,'greeting','ops@rejoin-1',2,31,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(172,1795730007.2130937576,'slot','ops@rejoin-1',2,36,1,'{"n":28,"send_at":1795730007.2130938,"code":"YE9W"}');
INSERT INTO journal VALUES(173,1795730007.8117628097,'look','ops@rejoin-1',2,35,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363115568262222@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(174,1795730008.53113842,'greeting','ops@rejoin-1',2,31,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(175,1795730011.4134187698,'join','ops@rejoin-1',2,36,1,'{"n":28,"outcome":"joined","http":200,"jid":"120363903715178688@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(176,1795730020.5334730148,'probe','ops@rejoin-1',2,39,1,'{"code":"s6ea","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(177,1795730025.2117891311,'greeting','ops@rejoin-1',2,32,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(178,1795730025.5738801956,'slot','ops@rejoin-1',2,37,1,'{"n":29,"send_at":1795730025.5738802,"code":"LWEn"}');
INSERT INTO journal VALUES(179,1795730040.6951017379,'look','ops@rejoin-1',2,36,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363903715178688@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(180,1795730044.0553731917,'greeting','ops@rejoin-1',2,32,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(181,1795730045.4941244124,'join','ops@rejoin-1',2,37,1,'{"n":29,"outcome":"joined","http":200,"jid":"120363606777731534@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(182,1795730046.932847023,'slot','ops@rejoin-1',2,38,1,'{"n":30,"send_at":1795730046.932847,"code":"RI64"}');
INSERT INTO journal VALUES(183,1795730050.0517339707,'probe','ops@rejoin-1',2,40,1,'{"code":"oWHH","outcome":"ok","http":200,"status":"ready"}');
INSERT INTO journal VALUES(184,1795730069.8512430191,'greeting','ops@rejoin-1',2,33,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(185,1795730089.6507806777,'join','ops@rejoin-1',2,38,1,'{"n":30,"outcome":"joined","http":200,"jid":"120363877405924670@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(186,1795730090.9736318588,'look','ops@rejoin-1',2,37,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363606777731534@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(187,1795730092.5330896377,'slot','ops@rejoin-1',2,39,1,'{"n":31,"send_at":1795730092.5330896,"code":"s6ea"}');
INSERT INTO journal VALUES(188,1795730094.4546098708,'greeting','ops@rejoin-1',2,33,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(189,1795730096.6127080917,'join','ops@rejoin-1',2,39,1,'{"n":31,"outcome":"joined","http":200,"jid":"120363076991439408@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(190,1795730097.4527902602,'look','ops@rejoin-1',2,38,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363877405924670@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(191,1795730099.6108884811,'greeting','ops@rejoin-1',2,34,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(192,1795730168.0136556624,'slot','ops@rejoin-1',2,40,1,'{"n":32,"send_at":1795730168.0136557,"code":"oWHH"}');
INSERT INTO journal VALUES(193,1795730169.2109937668,'greeting','ops@rejoin-1',2,34,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(194,1795730169.5730848311,'look','ops@rejoin-1',2,39,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363076991439408@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(195,1795730170.1717824936,'join','ops@rejoin-1',2,40,1,'{"n":32,"outcome":"joined","http":200,"jid":"120363398889990622@g.us","sent":true,"status":"confirming"}');
INSERT INTO journal VALUES(196,1795730171.6153402328,'look','ops@rejoin-1',2,6,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363923126676814@g.us","status":"awaiting_approval","reason":"approval_pending"}');
INSERT INTO journal VALUES(197,1795730176.8923254012,'look','ops@rejoin-1',2,40,1,'{"seen":"in","outcome":"ok","http":200,"jid":"120363398889990622@g.us","evidence":"participant","status":"active"}');
INSERT INTO journal VALUES(198,1795730182.8934926986,'greeting','ops@rejoin-1',2,35,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(199,1795730184.4529218673,'greeting','ops@rejoin-1',2,35,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(200,1795730211.21438694,'greeting','ops@rejoin-1',2,36,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(201,1795730215.2940340042,'greeting','ops@rejoin-1',2,36,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(202,1795730229.6910734176,'greeting','ops@rejoin-1',2,37,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(203,1795730230.6518335342,'greeting','ops@rejoin-1',2,37,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(204,1795730241.3313169479,'greeting','ops@rejoin-1',2,38,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(205,1795730270.4922933578,'greeting','ops@rejoin-1',2,38,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(206,1795732539.0955514907,'recovery.continued','ops@rejoin-1',2,NULL,1,'{"pace":4.0}');
INSERT INTO journal VALUES(207,1795732621.4125318527,'look','ops@rejoin-1',2,6,1,'{"seen":"absent","outcome":"forbidden","http":500,"iq":403,"jid":"120363923126676814@g.us","status":"awaiting_approval","reason":"approval_pending"}');
INSERT INTO journal VALUES(208,1795732647.2132368088,'greeting','ops@rejoin-1',2,39,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(209,1795732681.5353269577,'greeting','ops@rejoin-1',2,39,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(210,1795732689.6946210861,'greeting','ops@rejoin-1',2,40,1,'{"greeting":"sending"}');
INSERT INTO journal VALUES(211,1795732692.8134794234,'greeting','ops@rejoin-1',2,40,1,'{"greeting":"sent"}');
INSERT INTO journal VALUES(212,1795732711.5315504074,'recovery.ended','ops@rejoin-1',2,NULL,1,'{"end":"needs_you","counts":{"pending":0,"ready":0,"joining":0,"confirming":0,"awaiting_approval":1,"active":32,"deferred":2,"blocked":5,"skipped":0,"left":0}}');
INSERT INTO journal VALUES(213,1795733348.8533658981,'session','daemon@vm',1,NULL,NULL,'{"state":"lost","word":"FAILED"}');
INSERT INTO journal VALUES(214,1795733348.8533658981,'instance.suspected','daemon@vm',1,NULL,NULL,'{"by":"members","says":"session_down","text":"the gateway has no connected session under this instance_id (HTTP 404) invalid_session | Session not found or not connected. Scan the QR code again."}');
INSERT INTO journal VALUES(215,1795733939.8507852554,'instance.lost','daemon@vm',1,NULL,NULL,'{"instance":"sales-main","role":"primary","since":"2026-11-26T22:48:54.185Z","decided_at":"2026-11-26T22:58:59.851Z","decided_by":"after 10 min by 2 kinds of evidence: the session''s state, asked for; a look at the members of one of its groups","evidence":["2026-11-26T22:48:54.185Z the session''s state, asked for: lost (FAILED)","2026-11-26T22:49:01.369Z a look at the members of one of its groups: the session is down (the gateway has no connected session under this instance_id (HTTP 404) invalid_session | Session not found or not connected. Scan the QR code again.)","2026-11-26T22:58:32.750Z a look at the members of one of its groups: the session is down (the gateway has no connected session under this instance_id (HTTP 404) invalid_session | Session not found or not connected. Scan the QR code again.)","2026-11-26T22:58:58.940Z the session''s state, asked for: lost (FAILED)"],"action":"notify","command":"rejoin run --from sales-main"}');
INSERT INTO journal VALUES(216,1795734538.4136075973,'act.skip','ops@rejoin-1',2,14,NULL,'{"was":"blocked: group_gone","status":"skipped","because":"gone"}');
INSERT INTO journal VALUES(217,1795734792.9348726272,'act.pause','ops@rejoin-1',2,NULL,NULL,'{}');
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_meta PRIMARY KEY ("key")
);
INSERT INTO meta VALUES('created_at','1795723616.2519903');
INSERT INTO meta VALUES('database_id','8871c61de3344fdfa83c59651d05bfd2');
INSERT INTO meta VALUES('identity','2328208/@65024');
INSERT INTO meta VALUES('active_key','kb4f9d2cf');
INSERT INTO meta VALUES('compared:2','1795733376.092822');
CREATE TABLE group_instances (
	group_id INTEGER NOT NULL, 
	instance_name TEXT NOT NULL, 
	CONSTRAINT pk_group_instances PRIMARY KEY (group_id, instance_name), 
	CONSTRAINT fk_group_instances_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
INSERT INTO group_instances VALUES(1,'sales-main');
INSERT INTO group_instances VALUES(2,'sales-main');
INSERT INTO group_instances VALUES(3,'sales-main');
INSERT INTO group_instances VALUES(4,'sales-main');
INSERT INTO group_instances VALUES(5,'sales-main');
INSERT INTO group_instances VALUES(6,'sales-main');
INSERT INTO group_instances VALUES(7,'sales-main');
INSERT INTO group_instances VALUES(8,'sales-main');
INSERT INTO group_instances VALUES(9,'sales-main');
INSERT INTO group_instances VALUES(10,'sales-main');
INSERT INTO group_instances VALUES(11,'sales-main');
INSERT INTO group_instances VALUES(12,'sales-main');
INSERT INTO group_instances VALUES(13,'sales-main');
INSERT INTO group_instances VALUES(14,'sales-main');
INSERT INTO group_instances VALUES(15,'sales-main');
INSERT INTO group_instances VALUES(16,'sales-main');
INSERT INTO group_instances VALUES(17,'sales-main');
INSERT INTO group_instances VALUES(18,'sales-main');
INSERT INTO group_instances VALUES(19,'sales-main');
INSERT INTO group_instances VALUES(20,'sales-main');
INSERT INTO group_instances VALUES(21,'sales-main');
INSERT INTO group_instances VALUES(22,'sales-main');
INSERT INTO group_instances VALUES(23,'sales-main');
INSERT INTO group_instances VALUES(24,'sales-main');
INSERT INTO group_instances VALUES(25,'sales-main');
INSERT INTO group_instances VALUES(26,'sales-main');
INSERT INTO group_instances VALUES(27,'sales-main');
INSERT INTO group_instances VALUES(28,'sales-main');
INSERT INTO group_instances VALUES(29,'sales-main');
INSERT INTO group_instances VALUES(30,'sales-main');
INSERT INTO group_instances VALUES(31,'sales-main');
INSERT INTO group_instances VALUES(32,'sales-main');
INSERT INTO group_instances VALUES(33,'sales-main');
INSERT INTO group_instances VALUES(34,'sales-main');
INSERT INTO group_instances VALUES(35,'sales-main');
INSERT INTO group_instances VALUES(36,'sales-main');
INSERT INTO group_instances VALUES(37,'sales-main');
INSERT INTO group_instances VALUES(38,'sales-main');
INSERT INTO group_instances VALUES(39,'sales-main');
INSERT INTO group_instances VALUES(40,'sales-main');
CREATE TABLE group_labels (
	group_id INTEGER NOT NULL, 
	label TEXT NOT NULL, 
	CONSTRAINT pk_group_labels PRIMARY KEY (group_id, label), 
	CONSTRAINT fk_group_labels_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
INSERT INTO group_labels VALUES(1,'internal');
INSERT INTO group_labels VALUES(2,'internal');
INSERT INTO group_labels VALUES(3,'internal');
INSERT INTO group_labels VALUES(4,'vip');
INSERT INTO group_labels VALUES(5,'vip');
CREATE TABLE invite_codes (
	id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	ciphertext BLOB NOT NULL, 
	key_id TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	last4 TEXT NOT NULL, 
	current BOOLEAN DEFAULT 0 NOT NULL, 
	source TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	retired_at DOUBLE, 
	verdict TEXT, 
	checked_at DOUBLE, 
	CONSTRAINT pk_invite_codes PRIMARY KEY (id), 
	CONSTRAINT fk_invite_codes_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT uq_invite_codes_fingerprint UNIQUE (fingerprint)
);
INSERT INTO invite_codes VALUES(1,1,X'01653cda372b1dc545e1c2917d1743de73441fd25b8b84e8465ca0b54f7bb0a1ce7cac956699867eb7c421e0f08fc0dfed66ba','kb4f9d2cf','fdd8c5f760cb486210b683c7d8a50283','P85x',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(2,2,X'013b66e822049c96d2cf4d6220068cf1dc6963ae0b3e4a451acbd1410d558fa4c3286ab3b6b88f044ec4edc119dd5bd7ef7e58','kb4f9d2cf','403995ce01d82ecfa64cc739d2472dd7','ule4',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(3,3,X'0106b1adab8bea67ef264fcf340017f651e617d638e742f011d5286a6f72f3d0b9a44ba2772717ea33f248215b4666ce5e94d8','kb4f9d2cf','8ad10c37d1c5912e962152a003b85aa1','d59h',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(4,4,X'012b417f80002cd846ffcc48f2d493c136fbc72599b4374fca6ac436ca68bc97eda0188f6e9fd147f39e2a793db8b3a264a473','kb4f9d2cf','da2f272cd254b186cc2f963a2534c2d9','fzyi',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(5,5,X'01ac020feae9ee6f91db9fa310ab6d879e96d0b525c99cb040cd1245411e711b7a706b7cd84a12a75e146e8c6f89316413f544','kb4f9d2cf','d4bdde964393ee3de13cd279ff2c4cd7','bAAj',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(6,6,X'012162410a3653c9b043d5bf7de959bae1b9b0a45de0850d580d2a326ee5dc917c5ec81d8d5852b1bf0f208f5a24618b7dc3aa','kb4f9d2cf','a64bd69ddb8d976ac42092f083e0d4f5','72fF',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(7,7,X'0186b944a1ffbee3414840b322fbacc36eac5741badcbf4e71ee3424cbdea9da6c009eafc0fed4516641415278500f5d85da68','kb4f9d2cf','bc5f1c35309826bdba121f136472b8a9','SUH6',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(8,8,X'01ce50d1e7ac3e0fe9e4f493d36c99b0c33949775d7e773fd8e0854bd7243d767c463571974ce9e88eeeafc25358fca340f9bb','kb4f9d2cf','13e7c193209e5208d6f0bafabda3341a','2Igw',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(9,9,X'015494dc217fe0796be6a6e1450b284e28cdc6a933c1296848adf8e6ee2c4a2d595d05c663578dca7c180a915d9bc9d9633e71','kb4f9d2cf','6a1e6c3f8beceb62145af0dee43a85d7','xy0O',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(10,10,X'01c11211bcc0516d40fd8a5a26473c339ee5d4920c680a8ef28a8cd5823f097d8226ff8297a541af53f3fdbe6cb80be4fa2cf5','kb4f9d2cf','344d5dc728016f12e6519d7f660af1cf','QiGQ',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(11,11,X'01ae19773b97a4e2ce933d22873d708e5d1a9e4c663dfc1dddd71bae3706a138e95e0315a6f52e8f0e15cf3070170df36df652','kb4f9d2cf','173368136872ac71630a26489317c341','FBHq',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(12,12,X'0143912bd4ea000f73ecec7795a78a131d496cf4fc2820fe2a1ee60f1abbdc5693649f4ca194a7148a8dac89176cc1df241ee0','kb4f9d2cf','818e054f3369e1c14acfe0604c351912','tbBr',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(13,13,X'01261de0926e1c8310a3736c10748fd010cf88d5c16271abd3729f59d6c163e71215c16a73c4045dee78a5f5531e01648f3f47','kb4f9d2cf','332bbb14bd82723fce0b88a623ba508f','jWXO',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(14,14,X'01f3306250c68fdbacc9d17992abb7388dbc408fd0d6d19e292a63033a233801a4f5ae570094ef9625be1ea5c3163a8932ab4b','kb4f9d2cf','c2330a9b69dbae8cb387f5e8bbc63c3d','Wnid',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(15,15,X'013296618da8fa0f784ea1f152b210df8a55ef9093c647b34273283f59aac27addf7f5efdc590c85a7fccfe399f9c67939fa4d','kb4f9d2cf','92a2e1d95eeae709ce5e78d379158896','N0kj',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(16,16,X'017b8edc1492058dd9bfcc9de02dfadd0b3a7ebcb738eda7c2520ba4dc93ef9ee4dfa0a75d7469b31988c9a7656be9d745f46c','kb4f9d2cf','00222edca8cf73d8c9db3d3518e10640','TuOU',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(17,17,X'01b2c6b20892ad0165dd40b60fd7472600bd5b17964e4f323b558375376d9b2c800621de026b02ecf6cce68dcb43ad5ac61803','kb4f9d2cf','722547d1e4361019c70d0880437c6d03','QzT0',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(18,18,X'01c6c9461b295201d980bdaa8169fc6399d89bb89a15fd9e06439272250faa64d8565fc86e19ac285006df02ee32bd077a422e','kb4f9d2cf','66971983d175319cd824802b61188d7f','7phN',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(19,19,X'018637388396a61794d5f09d645a086c3964a462444288f2ae7cf698fe6053b6996b4a88aa32130b0879a7b5a29fc7351e1c15','kb4f9d2cf','ee5f32ce4d35f62127d03c26409ad58c','BMcR',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(20,20,X'01b69276d9a454b1fd1f9b153d036b90a10958308d06768572f5a5a087872868e6dc3c1051e0a02009cb69ce31794ff8f0aaa8','kb4f9d2cf','20bfe2d17a945c6f2d8fd5eda29c39f6','Lt99',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(21,21,X'0185f36b1cf763417329ac097f81921e031cccc10ab66cd805a3836da1bfe8d9ff1ddbee89f4f3323e9b282d9cf7ce2f08129d','kb4f9d2cf','89397248443561ce67b4c112c98f89e6','DZEs',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(22,22,X'0171953d6d0761e08b84990c51f1684657ab70b169fedf139a1baa14581cb70056302fd780c6e365ac70dbe7242a1f4925de6b','kb4f9d2cf','f5ff72d852cc4e5bc1f8774658b7cfb7','XGlN',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(23,23,X'01c957737ea121a9f134cb7022814375032de151f0b47a754dca92fc1af329d3c6e0753b220205fd7bdc9600c3b39665bb4f3f','kb4f9d2cf','5559e06404a3ffd68cc6a49200ed0015','qqTe',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(24,24,X'01ab42306b174309b85f9d939d9591a826eece3f947a1014565232a6490f963274b04e53b3cae987fb107e260441d63ac3a511','kb4f9d2cf','07a56348f956eda9b567254e594a4ad2','AB5K',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(25,25,X'015ea1e4480bc04610dd61b6c95ed1cb5c1504558c04d33091a4639cc26c5a8debe91cc06bd96b741e07224194797da0c369a1','kb4f9d2cf','b9611b854c1cc28720f3dc12161db061','OUy0',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(26,26,X'01bcab5dd9f971798d47a21a583260b3befebade8920b5dafc36d3d2614c1c90697467ca28bbff096cadf923ce213b2fbd76d1','kb4f9d2cf','6841bf51fcff7554ceff12f829cf6375','GXln',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(27,27,X'01fc59ae625b4e6425a59ddbe970f8c4b8c0a18de532cebf42fd8aeabab629cc9252e7605ff96311627b6abac0d3fb9ee89432','kb4f9d2cf','e97e14f788b426584de0c5268b304cd5','TCkU',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(28,28,X'01b8bb1bfefd674c013e74cdd55b0b8bfef8ea99ca3bb92f8891ab587275d86e73b2dd617a524179dc608203a3c1149ae066d0','kb4f9d2cf','f30516af07cbec6a12cdc0540c61ffa8','xiX1',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(29,29,X'01f9e18e0ff307d58d4520d3b49e183e0cefffd90d59439af56a32e7d2a2b71dc5fa2394ca496c5e7221b38416abffb53f8717','kb4f9d2cf','ebf6059b6bb1bbc161dc4756f74fefa8','FEVJ',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(30,30,X'01edbf6e5e9c577248e76c8a722c4bcd7ff612bdb874fa798fcfa3df54db58b8ff1dfbee337a91376a51a1ac51a05246369c26','kb4f9d2cf','06f31c11ca3268ab382965a967c8a2c5','2Deb',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(31,31,X'01cca984cd1990964ad9319d9cfd73babb81bec75896dd759b1d70c6eec97995c3cefa5499b2cf282345da235309d4604e73ef','kb4f9d2cf','0cf1d2037b4882074eb03c8b22d74979','njmT',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(32,32,X'0104c31578d72bff26cdf157dffd0cf85c4647cc2cd9499e8d4c6daba1a84211fb1baff38f1d5be0f10adb27a5eaf0893daf1f','kb4f9d2cf','b908d58ce751412c733ff1db9f9cadd1','4lUT',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(33,33,X'01a344e1717e5416e6b0fec049756a00bf8415cb2f3589143fb0d5be6ed7c2226726f599102aa181b1e0533ef6e487d1011576','kb4f9d2cf','d471184b6c9375bbb4d28d7148b5e705','CBrh',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(34,34,X'01c97e9c345795fff17ebab2b066aa130accb2dc082b0236ec15c80fcd3dee29ff8b2d1ab023b48d1e1842681f01f1932bb794','kb4f9d2cf','28a7b31ca7959eb6a707b2b68e02e18c','H2Or',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(35,35,X'01f88003a212e487e906911541d3b5f0f6d930ceeab11d5ff4e27b745e87150ae8b675b6c21533fcfa984bdb9087ded549a348','kb4f9d2cf','5367282a5c48040965ad35119ad90f06','hlsE',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(36,36,X'01da240ad86a7eba0f98d868be1e75234aee65f262820029493e37fedb3df28f288eb5d0be9ee8e296ac683bb4c4eb7c59cd50','kb4f9d2cf','ef6c43ef8adcddcd3e91aa3c19df81bd','YE9W',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(37,37,X'01efe053a852c647de816a0409084235bbdc61aee0ed958ea7fa260276d093a1026dd5802b4603f03ffa7ffa664249d71400b9','kb4f9d2cf','45d9966ebd99d85bece667c961e33528','LWEn',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(38,38,X'010c4a8a17e6391ef11bb21dde62cfca712b87603394ecbb122069a15736e9a27265704b1ec72df0363c77200554acc4803f0d','kb4f9d2cf','0769141331310e5fce2a5c408af6db24','RI64',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(39,39,X'01d536cc8536190223e80c0509d6d0eafa041f39ab66f3a8311a4f202334f04ee22e192086180cf0e98184447f72fabbb91a83','kb4f9d2cf','aa6d3c340732f16f7a263e027914f692','s6ea',1,'import',1795728920.9715433121,NULL,NULL,NULL);
INSERT INTO invite_codes VALUES(40,40,X'01d5481dc5c6a721e4add505429a79077b66afd70b4324f5aef89ae987dd7795b3113665bc738a6b33fca4ee115999d34a5c8c','kb4f9d2cf','6cd186047c855880220276a9b121f987','oWHH',1,'import',1795728920.9715433121,NULL,NULL,NULL);
CREATE TABLE recoveries (
	id INTEGER NOT NULL, 
	to_instance_id INTEGER NOT NULL, 
	from_name TEXT, 
	labels TEXT DEFAULT '[]' NOT NULL, 
	state TEXT NOT NULL, 
	outcome TEXT, 
	actor TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	finished_at DOUBLE, 
	stop_requested_at DOUBLE, 
	stop_requested_by TEXT, 
	counts TEXT, 
	pace DOUBLE, driver TEXT DEFAULT 'person' NOT NULL, fixed BOOLEAN DEFAULT 0 NOT NULL, joins_left INTEGER, deadline DOUBLE, follows_id INTEGER, 
	CONSTRAINT pk_recoveries PRIMARY KEY (id), 
	CONSTRAINT fk_recoveries_to_instance_id_instances FOREIGN KEY(to_instance_id) REFERENCES instances (id)
);
INSERT INTO recoveries VALUES(1,2,NULL,'[]','finished','needs_you','ops@rejoin-1',1795729212.2143812179,1795729212.2143812179,1795732711.5315504074,NULL,NULL,'{"pending": 0, "ready": 0, "joining": 0, "confirming": 0, "awaiting_approval": 1, "active": 32, "deferred": 2, "blocked": 5, "skipped": 0, "left": 0}',NULL,'person',0,NULL,NULL,NULL);
CREATE TABLE memberships (
	id INTEGER NOT NULL, 
	instance_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	recovery_id INTEGER, 
	priority INTEGER DEFAULT '0' NOT NULL, 
	status TEXT NOT NULL, 
	reason TEXT, 
	detail TEXT, 
	status_since DOUBLE NOT NULL, 
	next_attempt_at DOUBLE, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	unknowns INTEGER DEFAULT '0' NOT NULL, 
	looks INTEGER DEFAULT '0' NOT NULL, 
	code_id INTEGER, 
	jid TEXT, 
	seen_subject TEXT, 
	seen_owner TEXT, 
	seen_members INTEGER, 
	announce BOOLEAN, 
	approval BOOLEAN, 
	verified_at DOUBLE, 
	requested_at DOUBLE, 
	joined_at DOUBLE, 
	confirmed_at DOUBLE, 
	evidence TEXT, 
	greeting TEXT DEFAULT 'none' NOT NULL, 
	greeted_at DOUBLE, slow_rounds INTEGER DEFAULT '0' NOT NULL, history_epoch INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_memberships PRIMARY KEY (id), 
	CONSTRAINT fk_memberships_code_id_invite_codes FOREIGN KEY(code_id) REFERENCES invite_codes (id), 
	CONSTRAINT fk_memberships_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id), 
	CONSTRAINT fk_memberships_instance_id_instances FOREIGN KEY(instance_id) REFERENCES instances (id), 
	CONSTRAINT fk_memberships_recovery_id_recoveries FOREIGN KEY(recovery_id) REFERENCES recoveries (id), 
	CONSTRAINT uq_memberships_instance_id_group_id UNIQUE (instance_id, group_id)
);
INSERT INTO memberships VALUES(1,2,1,1,90,'active',NULL,NULL,1795729223.8546247481,NULL,0,0,0,NULL,'120363971103430788@g.us',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795729223.8546247481,'participant','none',NULL,0,0);
INSERT INTO memberships VALUES(2,2,2,1,90,'active',NULL,NULL,1795729223.8546247481,NULL,0,0,0,NULL,'120363820337276587@g.us',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795729223.8546247481,'participant','none',NULL,0,0);
INSERT INTO memberships VALUES(3,2,3,1,0,'active',NULL,NULL,1795729223.8546247481,NULL,0,0,0,NULL,'120363928823800998@g.us',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795729223.8546247481,'participant','none',NULL,0,0);
INSERT INTO memberships VALUES(4,2,4,1,100,'active',NULL,NULL,1795729251.8134565353,NULL,0,0,0,4,'120363440490969935@g.us','Customers West Africa','15550100001@c.us',861,0,0,1795729233.5733480453,1795729234.4134016036,1795729236.8129129409,1795729251.8134565353,'participant','sent',1795729257.5732107162,0,0);
INSERT INTO memberships VALUES(5,2,5,1,95,'active',NULL,NULL,1795729500.2128190994,NULL,0,0,0,5,'120363038256417149@g.us','Wholesale Partners',NULL,120,0,1,1795729236.334950447,1795729249.7680585384,1795729255.4151124954,1795729500.2128190994,'participant','sent',1795729526.974284172,0,0);
INSERT INTO memberships VALUES(6,2,6,1,0,'awaiting_approval','approval_pending',NULL,1795729496.012465477,1795734421.4125318527,0,0,3,6,'120363923126676814@g.us','Franchise Owners',NULL,64,0,1,1795729271.8543787002,1795729314.1133611202,1795729322.6108999252,NULL,NULL,'none',NULL,0,0);
INSERT INTO memberships VALUES(7,2,7,1,0,'blocked','code_revoked','(HTTP 500) info query returned status 410: gone | wawp_upstream_error',1795729306.654431343,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',NULL,0,0);
INSERT INTO memberships VALUES(8,2,8,1,0,'deferred','group_full','(HTTP 500) info query returned status 419: resource-limit | wawp_upstream_error',1795729336.8920392989,1795750936.892039299,0,0,0,8,'120363681059914312@g.us','Flash Deals',NULL,1024,0,0,1795729315.4123659134,1795729331.4943761825,NULL,NULL,NULL,'none',NULL,1,0);
INSERT INTO memberships VALUES(9,2,9,1,0,'blocked','removed_by_admin','(HTTP 500) info query returned status 401: not-authorized | wawp_upstream_error',1795729319.6127195358,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',NULL,0,0);
INSERT INTO memberships VALUES(10,2,10,1,80,'active',NULL,NULL,1795729296.9308729171,NULL,0,0,0,10,'120363102880245950@g.us','Company News',NULL,412,1,0,1795729252.6535100936,1795729264.5219419002,1795729268.9720697403,1795729296.9308729171,'participant','skipped',NULL,0,0);
INSERT INTO memberships VALUES(11,2,11,1,0,'active',NULL,NULL,1795729357.6523370743,NULL,0,0,0,11,'120363480842529641@g.us','Field Team East (new)',NULL,37,0,0,1795729328.1341047287,1795729348.3083825111,1795729351.293885231,1795729357.6523370743,'participant','sent',1795729364.1314954757,0,0);
INSERT INTO memberships VALUES(12,2,12,1,0,'blocked','identity_mismatch','expected the subject "Returns Desk", the link opens "Old Friends Chat"',1795729333.2951898575,NULL,0,0,0,NULL,NULL,'Old Friends Chat',NULL,19,0,0,1795729333.2951898575,NULL,NULL,NULL,NULL,'none',NULL,0,0);
INSERT INTO memberships VALUES(13,2,13,1,0,'blocked','identity_mismatch','expected 120363727657591731@g.us, the link opens 120363800107549288@g.us, "Crypto Signals 4U"',1795729339.0549726486,NULL,0,0,0,NULL,NULL,'Crypto Signals 4U',NULL,700,0,0,1795729339.0549726486,NULL,NULL,NULL,NULL,'none',NULL,0,0);
INSERT INTO memberships VALUES(14,2,14,1,0,'skipped','operator','gone',1795734538.4136075973,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',NULL,0,0);
INSERT INTO memberships VALUES(15,2,15,1,0,'deferred','group_locked','(HTTP 500) info query returned status 436: growth-locked | wawp_upstream_error',1795729346.7314405441,1795750946.7314405441,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',NULL,1,0);
INSERT INTO memberships VALUES(16,2,16,1,0,'active',NULL,NULL,1795729374.9316568374,NULL,0,0,0,16,'120363360712971052@g.us','Neighbourhood Shops: Bakers',NULL,58,0,0,1795729353.3313055037,1795729362.6506729126,1795729366.1737222671,1795729374.9316568374,'participant','sent',1795729383.8151330948,0,0);
INSERT INTO memberships VALUES(17,2,17,1,0,'active',NULL,NULL,1795729388.8555402755,NULL,0,0,0,17,'120363616354745432@g.us','Beta Testers',NULL,26,0,0,1795729356.6915769576,1795729379.530636549,1795729382.2508687972,1795729388.8555402755,'participant','sent',1795729499.6141500472,0,0);
INSERT INTO memberships VALUES(18,2,18,1,70,'active',NULL,NULL,1795729309.411198616,NULL,0,0,0,18,'15550100001-1587570015@g.us','Founders',NULL,5,0,0,1795729259.0119619369,1795729277.5329499244,1795729300.5325574874,1795729309.411198616,'participant','sent',1795729321.2928552628,0,0);
INSERT INTO memberships VALUES(19,2,19,1,60,'active',NULL,NULL,1795729329.9349184036,NULL,0,1,0,19,'120363710182121419@g.us','Regional Managers',NULL,33,0,0,1795729267.1712274551,1795729298.2537527084,1795729329.9349184036,1795729329.9349184036,'participant','sent',1795729340.4937238693,0,0);
INSERT INTO memberships VALUES(20,2,20,1,0,'active',NULL,NULL,1795729523.1312150955,NULL,0,0,0,20,'120363406433484753@g.us','Price List',NULL,140,0,0,1795729367.2551889419,1795729497.3353452682,1795729501.052901268,1795729523.1312150955,'participant','sent',1795729545.5716485977,0,0);
INSERT INTO memberships VALUES(21,2,21,1,0,'active',NULL,NULL,1795729888.2952184677,NULL,1,1,0,21,'120363519306475738@g.us','Drivers South',NULL,71,0,0,1795729851.6943235397,1795729856.3591697215,1795729868.1335897445,1795729888.2952184677,'participant','sent',1795729975.2953214645,0,0);
INSERT INTO memberships VALUES(22,2,22,1,0,'active',NULL,NULL,1795729564.2945547103,NULL,0,0,0,22,'120363561185407756@g.us','Service Points',NULL,28,0,0,1795729496.8525476455,1795729543.7708349228,1795729559.0127344131,1795729564.2945547103,'participant','sent',1795729661.4913721084,0,0);
INSERT INTO memberships VALUES(23,2,23,1,0,'active',NULL,NULL,1795729650.5753107071,NULL,0,0,0,23,'120363096876774830@g.us','Fleet Recife','15550100001@c.us',102,0,0,1795729501.7722482681,1795729558.3186368942,1795729560.0942010879,1795729650.5753107071,'participant','sent',1795729675.1738424301,0,0);
INSERT INTO memberships VALUES(24,2,24,1,0,'active',NULL,NULL,1795729674.3337888717,NULL,0,0,0,24,'120363000595656594@g.us','Clinic Tunis','15550100001@c.us',33,0,0,1795729558.6554784774,1795729649.1317529678,1795729664.3736524581,1795729674.3337888717,'participant','sent',1795729698.9323205948,0,0);
INSERT INTO memberships VALUES(25,2,25,1,0,'active',NULL,NULL,1795729687.8907461166,NULL,0,0,0,25,'120363105612850762@g.us','Partners Amman','15550100001@c.us',121,0,0,1795729563.4544725418,1795729672.0549840927,1795729674.6910448074,1795729687.8907461166,'participant','sent',1795729790.3741903304,0,0);
INSERT INTO memberships VALUES(26,2,26,1,0,'active',NULL,NULL,1795729787.9746789932,NULL,0,0,0,26,'120363843698130443@g.us','Field Team Surabaya','15550100001@c.us',74,0,0,1795729565.853983879,1795729687.840143919,1795729699.5309896469,1795729787.9746789932,'participant','sent',1795729846.6539163589,0,0);
INSERT INTO memberships VALUES(27,2,27,1,0,'active',NULL,NULL,1795729802.4923963546,NULL,0,0,0,27,'120363675201782202@g.us','Clinic Madrid','15550100001@c.us',105,0,0,1795729673.3730001449,1795729784.3730230331,1795729789.8913927078,1795729802.4923963546,'participant','sent',1795729869.6930189132,0,0);
INSERT INTO memberships VALUES(28,2,28,1,0,'active',NULL,NULL,1795729864.0539426803,NULL,0,0,0,28,'120363454563954292@g.us','Onboarding Dakar','15550100001@c.us',80,0,0,1795729675.8932180404,1795729798.8397591114,1795729805.3747053146,1795729864.0539426803,'participant','sent',1795729881.8112249374,0,0);
INSERT INTO memberships VALUES(29,2,29,1,0,'active',NULL,NULL,1795729873.4153814316,NULL,0,0,0,29,'120363258157558605@g.us','Orders São Paulo','15550100001@c.us',11,0,0,1795729788.8147611617,1795729829.1331834792,1795729849.7727746963,1795729873.4153814316,'participant','sent',1795729912.531630516,0,0);
INSERT INTO memberships VALUES(30,2,30,1,0,'active',NULL,NULL,1795729880.4932088851,NULL,0,0,0,30,'120363704802174627@g.us','Installers Accra','15550100001@c.us',109,0,0,1795729791.0935659409,1795729843.1887362003,1795729862.3738069533,1795729880.4932088851,'participant','sent',1795729958.851248741,0,0);
INSERT INTO memberships VALUES(31,2,31,1,0,'active',NULL,NULL,1795729896.6910619736,NULL,0,0,0,31,'120363110583300398@g.us','Partners Madrid','15550100001@c.us',93,0,0,1795729865.8547849655,1795729871.3731546401,1795729879.0544576644,1795729896.6910619736,'participant','sent',1795730008.53113842,0,0);
INSERT INTO memberships VALUES(32,2,32,1,0,'active',NULL,NULL,1795729945.0528783797,NULL,0,0,0,32,'120363254737839845@g.us','Warehouse Tunis','15550100001@c.us',152,0,0,1795729877.6108999252,1795729890.3326101303,1795729907.1339673996,1795729945.0528783797,'participant','sent',1795730044.0553731917,0,0);
INSERT INTO memberships VALUES(33,2,33,1,0,'active',NULL,NULL,1795729973.1323881149,NULL,0,0,0,33,'120363372206193615@g.us','Clinic Mumbai','15550100001@c.us',35,0,0,1795729883.853480339,1795729928.2515211105,1795729957.5332040786,1795729973.1323881149,'participant','sent',1795730094.4546098708,0,0);
INSERT INTO memberships VALUES(34,2,34,1,0,'active',NULL,NULL,1795729978.1728239059,NULL,0,0,0,34,'120363059241448971@g.us','Escalations Accra','15550100001@c.us',143,0,0,1795729895.2523107529,1795729951.5320367813,1795729963.7709493636,1795729978.1728239059,'participant','sent',1795730169.2109937668,0,0);
INSERT INTO memberships VALUES(35,2,35,1,0,'active',NULL,NULL,1795730007.8117628097,NULL,0,0,0,35,'120363115568262222@g.us','Field Team Jakarta','15550100001@c.us',21,0,0,1795729924.7753782272,1795729971.0949964523,1795729977.5741262436,1795730007.8117628097,'participant','sent',1795730184.4529218673,0,0);
INSERT INTO memberships VALUES(36,2,36,1,0,'active',NULL,NULL,1795730040.6951017379,NULL,0,0,0,36,'120363903715178688@g.us','Dispatch Cairo','15550100001@c.us',150,0,0,1795729969.4148607253,1795730007.2130937576,1795730011.4134187698,1795730040.6951017379,'participant','sent',1795730215.2940340042,0,0);
INSERT INTO memberships VALUES(37,2,37,1,0,'active',NULL,NULL,1795730090.9736318588,NULL,0,0,0,37,'120363606777731534@g.us','Sales Quito','15550100001@c.us',27,0,0,1795729973.8517637252,1795730025.5738801956,1795730045.4941244124,1795730090.9736318588,'participant','sent',1795730230.6518335342,0,0);
INSERT INTO memberships VALUES(38,2,38,1,0,'active',NULL,NULL,1795730097.4527902602,NULL,0,0,0,38,'120363877405924670@g.us','Dispatch São Paulo','15550100001@c.us',38,0,0,1795729988.8522787093,1795730046.932847023,1795730089.6507806777,1795730097.4527902602,'participant','sent',1795730270.4922933578,0,0);
INSERT INTO memberships VALUES(39,2,39,1,0,'active',NULL,NULL,1795730169.5730848311,NULL,0,0,0,39,'120363076991439408@g.us','Orders Amman','15550100001@c.us',16,0,0,1795730020.5334730148,1795730092.5330896377,1795730096.6127080917,1795730169.5730848311,'participant','sent',1795732681.5353269577,0,0);
INSERT INTO memberships VALUES(40,2,40,1,0,'active',NULL,NULL,1795730176.8923254012,NULL,0,0,0,40,'120363398889990622@g.us','Key Accounts Pune','15550100001@c.us',91,0,0,1795730050.0517339707,1795730168.0136556624,1795730170.1717824936,1795730176.8923254012,'participant','sent',1795732692.8134794234,0,0);
CREATE TABLE slots (
	id INTEGER NOT NULL, 
	instance_id INTEGER NOT NULL, 
	n INTEGER NOT NULL, 
	membership_id INTEGER NOT NULL, 
	recovery_id INTEGER, 
	fence INTEGER NOT NULL, 
	code_id INTEGER, 
	reserved_at DOUBLE NOT NULL, 
	send_at DOUBLE NOT NULL, 
	dice DOUBLE NOT NULL, 
	sent_at DOUBLE, 
	finished_at DOUBLE, 
	outcome TEXT, 
	CONSTRAINT pk_slots PRIMARY KEY (id), 
	CONSTRAINT fk_slots_code_id_invite_codes FOREIGN KEY(code_id) REFERENCES invite_codes (id), 
	CONSTRAINT fk_slots_instance_id_instances FOREIGN KEY(instance_id) REFERENCES instances (id), 
	CONSTRAINT fk_slots_membership_id_memberships FOREIGN KEY(membership_id) REFERENCES memberships (id), 
	CONSTRAINT fk_slots_recovery_id_recoveries FOREIGN KEY(recovery_id) REFERENCES recoveries (id), 
	CONSTRAINT uq_slots_instance_id_n UNIQUE (instance_id, n)
);
INSERT INTO slots VALUES(1,2,1,4,1,1,4,1795729234.4134016036,1795729234.4134016036,0.5591094865053188867,1795729235.8104162215,1795729236.7286598682,'joined');
INSERT INTO slots VALUES(2,2,2,5,1,1,5,1795729244.3735380173,1795729249.7680585384,0.45898054270875832116,1795729251.7711408138,1795729253.5444598197,'accepted');
INSERT INTO slots VALUES(3,2,3,10,1,1,10,1795729261.1748952864,1795729264.5219419002,0.16850133125151844915,1795729264.9766118526,1795729267.741074562,'joined');
INSERT INTO slots VALUES(4,2,4,18,1,1,18,1795729273.4138078689,1795729277.5329499244,0.5569220369494262135,1795729296.6885604858,1795729298.7393407822,'joined');
INSERT INTO slots VALUES(5,2,5,19,1,1,19,1795729298.2537527084,1795729298.2537527084,0.64326806556039373141,1795729308.7187471389,1795729309.8228812218,'unknown');
INSERT INTO slots VALUES(6,2,6,6,1,1,6,1795729311.5741319656,1795729314.1133611202,0.55278673687447732465,1795729320.5650527476,1795729322.5848460198,'accepted');
INSERT INTO slots VALUES(7,2,7,8,1,1,8,1795729331.4943761825,1795729331.4943761825,0.80233440651030107915,1795729333.1257495879,1795729334.6069705486,'group_full');
INSERT INTO slots VALUES(8,2,8,11,1,1,11,1795729344.0953798293,1795729348.3083825111,0.39038171796704979055,1795729348.6023535727,1795729350.6317899226,'joined');
INSERT INTO slots VALUES(9,2,9,16,1,1,16,1795729359.5738859176,1795729362.6506729126,0.81332726973791402702,1795729362.7748541831,1795729364.1670703887,'joined');
INSERT INTO slots VALUES(10,2,10,17,1,1,17,1795729376.9738836288,1795729379.530636549,0.60662733004442093154,1795729379.640905857,1795729382.0082008838,'joined');
INSERT INTO slots VALUES(11,2,11,20,1,1,20,1795729497.3353452682,1795729497.3353452682,0.59704411799839318675,1795729499.5183181763,1795729500.9654698371,'joined');
INSERT INTO slots VALUES(12,2,12,21,1,1,21,1795729525.651432991,1795729525.651432991,0.57095098533455923561,1795729526.8429758548,1795729537.6611816882,'unknown');
INSERT INTO slots VALUES(13,2,13,22,1,1,22,1795729543.7708349228,1795729543.7708349228,0.42463367843691401937,1795729544.7846584319,1795729558.0651013851,'joined');
INSERT INTO slots VALUES(14,2,14,23,1,1,23,1795729557.9312677383,1795729558.3186368942,0.33666278541826000214,1795729558.5666444301,1795729559.9270899295,'joined');
INSERT INTO slots VALUES(15,2,15,24,1,1,24,1795729649.1317529678,1795729649.1317529678,0.75306399023931791525,1795729650.4107935429,1795729652.1843793392,'joined');
INSERT INTO slots VALUES(16,2,16,25,1,1,25,1795729672.0549840927,1795729672.0549840927,0.63085996405971278555,1795729672.8715867996,1795729674.153234005,'joined');
INSERT INTO slots VALUES(17,2,17,26,1,1,26,1795729686.0947389602,1795729687.840143919,0.67481741164725517201,1795729688.759739399,1795729689.9792585373,'joined');
INSERT INTO slots VALUES(18,2,18,27,1,1,27,1795729784.3730230331,1795729784.3730230331,0.4111226665561111826,1795729785.8578026295,1795729787.8523612022,'joined');
INSERT INTO slots VALUES(19,2,19,28,1,1,28,1795729793.971039772,1795729798.8397591114,0.60072691618082119102,1795729802.1931459903,1795729804.2991399765,'joined');
INSERT INTO slots VALUES(20,2,20,29,1,1,29,1795729829.1331834792,1795729829.1331834792,0.34259211057311422798,1795729829.8353776931,1795729846.3001711368,'joined');
INSERT INTO slots VALUES(21,2,21,30,1,1,30,1795729838.2532377242,1795729843.1887362003,0.19507225114783877106,1795729846.276996851,1795729862.202288866,'joined');
INSERT INTO slots VALUES(22,2,22,21,1,1,21,1795729853.4951658249,1795729856.3591697215,0.33226923784716988485,1795729858.6830236911,1795729863.4499366283,'joined');
INSERT INTO slots VALUES(23,2,23,31,1,1,31,1795729871.3731546401,1795729871.3731546401,0.81294082796130995305,1795729873.2324883937,1795729874.951095581,'joined');
INSERT INTO slots VALUES(24,2,24,32,1,1,32,1795729890.3326101303,1795729890.3326101303,0.62361333161441245831,1795729892.3706855773,1795729893.9306771754,'joined');
INSERT INTO slots VALUES(25,2,25,33,1,1,33,1795729928.2515211105,1795729928.2515211105,0.47681556017063919661,1795729944.7700192928,1795729946.2474489212,'joined');
INSERT INTO slots VALUES(26,2,26,34,1,1,34,1795729951.5320367813,1795729951.5320367813,0.96042243040977859358,1795729957.2811410427,1795729958.8299937248,'joined');
INSERT INTO slots VALUES(27,2,27,35,1,1,35,1795729971.0949964523,1795729971.0949964523,0.45337619210128532465,1795729972.9558911323,1795729974.3378670215,'joined');
INSERT INTO slots VALUES(28,2,28,36,1,1,36,1795730007.2130937576,1795730007.2130937576,0.58923534051350667795,1795730007.6567521095,1795730011.2907619476,'joined');
INSERT INTO slots VALUES(29,2,29,37,1,1,37,1795730025.5738801956,1795730025.5738801956,0.27115687810198174645,1795730026.0216724872,1795730039.9808101653,'joined');
INSERT INTO slots VALUES(30,2,30,38,1,1,38,1795730046.932847023,1795730046.932847023,0.1356998665548539984,1795730049.7932126522,1795730063.1690957545,'joined');
INSERT INTO slots VALUES(31,2,31,39,1,1,39,1795730092.5330896377,1795730092.5330896377,0.45426902144531644545,1795730094.2701175213,1795730095.6869306564,'joined');
INSERT INTO slots VALUES(32,2,32,40,1,1,40,1795730168.0136556624,1795730168.0136556624,0.68070835462930356918,1795730168.8349211215,1795730169.7947838306,'joined');
CREATE TABLE daemon (
	id INTEGER NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	holder TEXT, 
	started_at DOUBLE, 
	heartbeat_at DOUBLE, 
	until DOUBLE, 
	version TEXT, 
	listen TEXT, 
	stopping BOOLEAN DEFAULT 0 NOT NULL, 
	troubles TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_daemon PRIMARY KEY (id)
);
INSERT INTO daemon VALUES(1,1,NULL,1795733216.2530202865,1795734153.8121862411,NULL,'0.1.0',NULL,0,'[]');
CREATE TABLE losses (
	id INTEGER NOT NULL, 
	instance_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	suspected_at DOUBLE NOT NULL, 
	decided_at DOUBLE, 
	ended_at DOUBLE, 
	evidence TEXT DEFAULT '[]' NOT NULL, 
	action TEXT, 
	recovery_id INTEGER, 
	detail TEXT, 
	CONSTRAINT pk_losses PRIMARY KEY (id), 
	CONSTRAINT fk_losses_instance_id_instances FOREIGN KEY(instance_id) REFERENCES instances (id), 
	CONSTRAINT fk_losses_recovery_id_recoveries FOREIGN KEY(recovery_id) REFERENCES recoveries (id)
);
INSERT INTO losses VALUES(1,1,'lost',1795733334.1851654052,1795733939.8507852554,NULL,'[{"at":1795733334.1851654,"kind":"state","gone":true,"says":"lost","text":"FAILED"},{"at":1795733341.369276,"kind":"members","gone":true,"says":"session_down","text":"the gateway has no connected session under this instance_id (HTTP 404) invalid_session | Session not found or not connected. Scan the QR code again."},{"at":1795733912.750104,"kind":"members","gone":true,"says":"session_down","text":"the gateway has no connected session under this instance_id (HTTP 404) invalid_session | Session not found or not connected. Scan the QR code again."},{"at":1795734139.4872093,"kind":"state","gone":true,"says":"lost","text":"FAILED"}]','notify',NULL,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	instance_id INTEGER NOT NULL, 
	received_at DOUBLE NOT NULL, 
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	sent_at DOUBLE, 
	body TEXT NOT NULL, 
	state TEXT DEFAULT 'new' NOT NULL, 
	next_try_at DOUBLE, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	times INTEGER DEFAULT '1' NOT NULL, 
	result TEXT, 
	group_id INTEGER, 
	processed_at DOUBLE, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_instance_id_instances FOREIGN KEY(instance_id) REFERENCES instances (id), 
	CONSTRAINT uq_events_instance_id_key UNIQUE (instance_id, "key")
);
CREATE TABLE messages (
	id INTEGER NOT NULL, 
	uid TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	subject TEXT NOT NULL, 
	instance_id INTEGER, 
	group_id INTEGER, 
	recovery_id INTEGER, 
	data TEXT NOT NULL, 
	fanned_out BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_messages PRIMARY KEY (id), 
	CONSTRAINT uq_messages_uid UNIQUE (uid)
);
INSERT INTO messages VALUES(1,'msg_01a219cd4336694610fe8d85c9dfeb03','recovery.started',1795729212.2143812179,'recovery:1',2,NULL,1,'{"recovery":1,"instance":"backup-1","from":null,"to":"backup-1","labels":[],"state":"running","outcome":null,"actor":"ops@rejoin-1","by_itself":false,"follows":null,"started_at":"2026-11-26T21:40:12.214Z","finished_at":null,"total":0,"active":0,"needs_you":0,"counts":{}}',1);
INSERT INTO messages VALUES(2,'msg_01a219cd70ae480b1e43861c83f555b3','group.active',1795729223.8546247481,'group:2',2,2,1,'{"group":"On Call","slug":"on-call","jid":"120363820337276587@g.us","subject":"On Call","labels":["internal"],"instance":"backup-1","recovery":1,"status":"active","was":"pending","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":null,"joined_at":null,"confirmed_at":"2026-11-26T21:40:23.855Z"}',1);
INSERT INTO messages VALUES(3,'msg_01a219cd70ae905e505ca568f7488336','group.active',1795729223.8546247481,'group:3',2,3,1,'{"group":"Office Kitchen","slug":"office-kitchen","jid":"120363928823800998@g.us","subject":"Office Kitchen","labels":["internal"],"instance":"backup-1","recovery":1,"status":"active","was":"pending","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":null,"joined_at":null,"confirmed_at":"2026-11-26T21:40:23.855Z"}',1);
INSERT INTO messages VALUES(4,'msg_01a219cd70ae9e488d615f36a99de592','group.active',1795729223.8546247481,'group:1',2,1,1,'{"group":"Management","slug":"management","jid":"120363971103430788@g.us","subject":"Management","labels":["internal"],"instance":"backup-1","recovery":1,"status":"active","was":"pending","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":null,"joined_at":null,"confirmed_at":"2026-11-26T21:40:23.855Z"}',1);
INSERT INTO messages VALUES(5,'msg_01a219cddde53937c500f0eab26e809f','group.active',1795729251.8134565353,'group:4',2,4,1,'{"group":"Customers West Africa","slug":"customers-west-africa","jid":"120363440490969935@g.us","subject":"Customers West Africa","labels":["vip"],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":861,"joined_at":"2026-11-26T21:40:36.813Z","confirmed_at":"2026-11-26T21:40:51.813Z"}',1);
INSERT INTO messages VALUES(6,'msg_01a219ce8e220cfce1ab5e8016086c77','group.active',1795729296.9308729171,'group:10',2,10,1,'{"group":"Company News","slug":"company-news","jid":"120363102880245950@g.us","subject":"Company News","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":412,"joined_at":"2026-11-26T21:41:08.972Z","confirmed_at":"2026-11-26T21:41:36.931Z"}',1);
INSERT INTO messages VALUES(7,'msg_01a219ceb41ea927991301b2a5ac3bd2','group.blocked',1795729306.654431343,'group:7',2,7,1,'{"group":"Couriers North","slug":"couriers-north","jid":"120363174670113153@g.us","subject":"Couriers North","labels":[],"instance":"backup-1","recovery":1,"status":"blocked","was":"pending","reason":"code_revoked","sentence":"the invite code was revoked","mover":"you","hint":"store a new code","command":"rejoin groups set-code couriers-north","detail":"(HTTP 500) info query returned status 410: gone | wawp_upstream_error","evidence":null,"members":null,"joined_at":null,"confirmed_at":null}',1);
INSERT INTO messages VALUES(8,'msg_01a219cebee3d37dceb086ca84e0a23b','group.active',1795729309.411198616,'group:18',2,18,1,'{"group":"Founders","slug":"founders","jid":"15550100001-1587570015@g.us","subject":"Founders","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":5,"joined_at":"2026-11-26T21:41:40.533Z","confirmed_at":"2026-11-26T21:41:49.411Z"}',1);
INSERT INTO messages VALUES(9,'msg_01a219cee6bc4173516bf89fb19bda7b','group.blocked',1795729319.6127195358,'group:9',2,9,1,'{"group":"City Council Liaison","slug":"city-council-liaison","jid":"120363985767376033@g.us","subject":"City Council Liaison","labels":[],"instance":"backup-1","recovery":1,"status":"blocked","was":"pending","reason":"removed_by_admin","sentence":"an admin removed this account from the group","mover":"group_admin","hint":"ask an admin to add the account again, then retry","command":"rejoin retry city-council-liaison --to backup-1","detail":"(HTTP 500) info query returned status 401: not-authorized | wawp_upstream_error","evidence":null,"members":null,"joined_at":null,"confirmed_at":null}',1);
INSERT INTO messages VALUES(10,'msg_01a219cf0f0e47135dcca01bd3eb9155','group.active',1795729329.9349184036,'group:19',2,19,1,'{"group":"Regional Managers","slug":"regional-managers","jid":"120363710182121419@g.us","subject":"Regional Managers","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":33,"joined_at":"2026-11-26T21:42:09.935Z","confirmed_at":"2026-11-26T21:42:09.935Z"}',1);
INSERT INTO messages VALUES(11,'msg_01a219cf1c2f4b0f91fd9b3c6d28e8cd','group.blocked',1795729333.2951898575,'group:12',2,12,1,'{"group":"Returns Desk","slug":"returns-desk","jid":null,"subject":"Old Friends Chat","labels":[],"instance":"backup-1","recovery":1,"status":"blocked","was":"pending","reason":"identity_mismatch","sentence":"the link opens another group than expected; not joined","mover":"you","hint":"see what it opens; if it is your group, renamed, accept it; else store the right code","command":"rejoin accept returns-desk --to backup-1","detail":"expected the subject \"Returns Desk\", the link opens \"Old Friends Chat\"","evidence":null,"members":19,"joined_at":null,"confirmed_at":null}',1);
INSERT INTO messages VALUES(12,'msg_01a219cf32ae2027e302aceb51525f94','group.blocked',1795729339.0549726486,'group:13',2,13,1,'{"group":"Spare Parts","slug":"spare-parts","jid":"120363727657591731@g.us","subject":"Crypto Signals 4U","labels":[],"instance":"backup-1","recovery":1,"status":"blocked","was":"pending","reason":"identity_mismatch","sentence":"the link opens another group than expected; not joined","mover":"you","hint":"store the right code; only if your group was made anew, accept it with --other-group","command":"rejoin groups set-code spare-parts","detail":"expected 120363727657591731@g.us, the link opens 120363800107549288@g.us, \"Crypto Signals 4U\"","evidence":null,"members":700,"joined_at":null,"confirmed_at":null}',1);
INSERT INTO messages VALUES(13,'msg_01a219cf41adaa62159fededc133d117','group.blocked',1795729342.8932065963,'group:14',2,14,1,'{"group":"Trade Fair 2024","slug":"trade-fair-2024","jid":"120363573949392812@g.us","subject":"Trade Fair 2024","labels":[],"instance":"backup-1","recovery":1,"status":"blocked","was":"pending","reason":"group_gone","sentence":"the group does not exist any more","mover":"you","hint":"leave it out, or store the code of its successor","command":"rejoin skip trade-fair-2024 --because ''the group is gone'' --to backup-1","detail":"(HTTP 500) info query returned status 404: item-not-found | wawp_upstream_error","evidence":null,"members":null,"joined_at":null,"confirmed_at":null}',1);
INSERT INTO messages VALUES(14,'msg_01a219cf7b5453262089193d2a92bc5c','group.active',1795729357.6523370743,'group:11',2,11,1,'{"group":"Field Team East","slug":"field-team-east","jid":"120363480842529641@g.us","subject":"Field Team East (new)","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":37,"joined_at":"2026-11-26T21:42:31.294Z","confirmed_at":"2026-11-26T21:42:37.652Z"}',1);
INSERT INTO messages VALUES(15,'msg_01a219cfbed35777c1b833f2b27e060c','group.active',1795729374.9316568374,'group:16',2,16,1,'{"group":"Neighbourhood Shops: Bakers","slug":"neighbourhood-shops-bakers","jid":"120363360712971052@g.us","subject":"Neighbourhood Shops: Bakers","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":58,"joined_at":"2026-11-26T21:42:46.174Z","confirmed_at":"2026-11-26T21:42:54.932Z"}',1);
INSERT INTO messages VALUES(16,'msg_01a219cfe9f5131567e4d20891cc7f75','instance.paused',1795729385.9732313156,'instance:2',2,NULL,1,'{"instance":"backup-1","role":"backup","recovery":1,"reason":"rate_limited","text":"(HTTP 500) info query returned status 429: rate-overlimit | wawp_upstream_error","by":"ops@rejoin-1","until":"2026-11-26T21:44:05.973Z","short":true,"sentence":"WhatsApp limits how many groups this account may join now","mover":"rejoin","hint":"it goes on by itself then","command":null}',1);
INSERT INTO messages VALUES(17,'msg_01a219cff5373a5271ba8bac64fbef11','group.active',1795729388.8555402755,'group:17',2,17,1,'{"group":"Beta Testers","slug":"beta-testers","jid":"120363616354745432@g.us","subject":"Beta Testers","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":26,"joined_at":"2026-11-26T21:43:02.251Z","confirmed_at":"2026-11-26T21:43:08.856Z"}',1);
INSERT INTO messages VALUES(18,'msg_01a219d1a8348b0f258aa616de470976','group.active',1795729500.2128190994,'group:5',2,5,1,'{"group":"Wholesale Partners","slug":"wholesale-partners","jid":"120363038256417149@g.us","subject":"Wholesale Partners","labels":["vip"],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":120,"joined_at":"2026-11-26T21:40:55.415Z","confirmed_at":"2026-11-26T21:45:00.213Z"}',1);
INSERT INTO messages VALUES(19,'msg_01a219d201bbd0b3d05741ccd4d7fb0c','group.active',1795729523.1312150955,'group:20',2,20,1,'{"group":"Price List","slug":"price-list","jid":"120363406433484753@g.us","subject":"Price List","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":140,"joined_at":"2026-11-26T21:45:01.053Z","confirmed_at":"2026-11-26T21:45:23.131Z"}',1);
INSERT INTO messages VALUES(20,'msg_01a219d2a2867e2705047ef48e885cae','group.active',1795729564.2945547103,'group:22',2,22,1,'{"group":"Service Points","slug":"service-points","jid":"120363561185407756@g.us","subject":"Service Points","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":28,"joined_at":"2026-11-26T21:45:59.013Z","confirmed_at":"2026-11-26T21:46:04.295Z"}',1);
INSERT INTO messages VALUES(21,'msg_01a219d3f38f6a7a33fcd8130d27241d','group.active',1795729650.5753107071,'group:23',2,23,1,'{"group":"Fleet Recife","slug":"fleet-recife","jid":"120363096876774830@g.us","subject":"Fleet Recife","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":102,"joined_at":"2026-11-26T21:46:00.094Z","confirmed_at":"2026-11-26T21:47:30.575Z"}',1);
INSERT INTO messages VALUES(22,'msg_01a219d4505db7af300f4fb8114c450b','group.active',1795729674.3337888717,'group:24',2,24,1,'{"group":"Clinic Tunis","slug":"clinic-tunis","jid":"120363000595656594@g.us","subject":"Clinic Tunis","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":33,"joined_at":"2026-11-26T21:47:44.374Z","confirmed_at":"2026-11-26T21:47:54.334Z"}',1);
INSERT INTO messages VALUES(23,'msg_01a219d48552fe70780d9a85c7237201','group.active',1795729687.8907461166,'group:25',2,25,1,'{"group":"Partners Amman","slug":"partners-amman","jid":"120363105612850762@g.us","subject":"Partners Amman","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":121,"joined_at":"2026-11-26T21:47:54.691Z","confirmed_at":"2026-11-26T21:48:07.891Z"}',1);
INSERT INTO messages VALUES(24,'msg_01a219d60c466727df587682cda1994d','group.active',1795729787.9746789932,'group:26',2,26,1,'{"group":"Field Team Surabaya","slug":"field-team-surabaya","jid":"120363843698130443@g.us","subject":"Field Team Surabaya","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":74,"joined_at":"2026-11-26T21:48:19.531Z","confirmed_at":"2026-11-26T21:49:47.975Z"}',1);
INSERT INTO messages VALUES(25,'msg_01a219d644fc99b185df10adca9ba176','group.active',1795729802.4923963546,'group:27',2,27,1,'{"group":"Clinic Madrid","slug":"clinic-madrid","jid":"120363675201782202@g.us","subject":"Clinic Madrid","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":105,"joined_at":"2026-11-26T21:49:49.891Z","confirmed_at":"2026-11-26T21:50:02.492Z"}',1);
INSERT INTO messages VALUES(26,'msg_01a219d7357537e91f202038fff81df9','group.active',1795729864.0539426803,'group:28',2,28,1,'{"group":"Onboarding Dakar","slug":"onboarding-dakar","jid":"120363454563954292@g.us","subject":"Onboarding Dakar","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":80,"joined_at":"2026-11-26T21:50:05.375Z","confirmed_at":"2026-11-26T21:51:04.054Z"}',1);
INSERT INTO messages VALUES(27,'msg_01a219d75a07cbd221a7ac826b62f103','group.active',1795729873.4153814316,'group:29',2,29,1,'{"group":"Orders São Paulo","slug":"orders-sao-paulo","jid":"120363258157558605@g.us","subject":"Orders São Paulo","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":11,"joined_at":"2026-11-26T21:50:49.773Z","confirmed_at":"2026-11-26T21:51:13.415Z"}',1);
INSERT INTO messages VALUES(28,'msg_01a219d775adb6adbd09e7e3c5830c0a','group.active',1795729880.4932088851,'group:30',2,30,1,'{"group":"Installers Accra","slug":"installers-accra","jid":"120363704802174627@g.us","subject":"Installers Accra","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":109,"joined_at":"2026-11-26T21:51:02.374Z","confirmed_at":"2026-11-26T21:51:20.493Z"}',1);
INSERT INTO messages VALUES(29,'msg_01a219d794273c4e5f63e09fbf678610','group.active',1795729888.2952184677,'group:21',2,21,1,'{"group":"Drivers South","slug":"drivers-south","jid":"120363519306475738@g.us","subject":"Drivers South","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":71,"joined_at":"2026-11-26T21:51:08.134Z","confirmed_at":"2026-11-26T21:51:28.295Z"}',1);
INSERT INTO messages VALUES(30,'msg_01a219d7b4f3909b1644b8edd13f662c','group.active',1795729896.6910619736,'group:31',2,31,1,'{"group":"Partners Madrid","slug":"partners-madrid","jid":"120363110583300398@g.us","subject":"Partners Madrid","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":93,"joined_at":"2026-11-26T21:51:19.054Z","confirmed_at":"2026-11-26T21:51:36.691Z"}',1);
INSERT INTO messages VALUES(31,'msg_01a219d871dc9778b7d1aa0810d6fd28','group.active',1795729945.0528783797,'group:32',2,32,1,'{"group":"Warehouse Tunis","slug":"warehouse-tunis","jid":"120363254737839845@g.us","subject":"Warehouse Tunis","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":152,"joined_at":"2026-11-26T21:51:47.134Z","confirmed_at":"2026-11-26T21:52:25.053Z"}',1);
INSERT INTO messages VALUES(32,'msg_01a219d8df8c1fadb02d6d3b44ac4b95','group.active',1795729973.1323881149,'group:33',2,33,1,'{"group":"Clinic Mumbai","slug":"clinic-mumbai","jid":"120363372206193615@g.us","subject":"Clinic Mumbai","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":35,"joined_at":"2026-11-26T21:52:37.533Z","confirmed_at":"2026-11-26T21:52:53.132Z"}',1);
INSERT INTO messages VALUES(33,'msg_01a219d8f33c260067979f19282f4460','group.active',1795729978.1728239059,'group:34',2,34,1,'{"group":"Escalations Accra","slug":"escalations-accra","jid":"120363059241448971@g.us","subject":"Escalations Accra","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":143,"joined_at":"2026-11-26T21:52:43.771Z","confirmed_at":"2026-11-26T21:52:58.173Z"}',1);
INSERT INTO messages VALUES(34,'msg_01a219d967038c3d2fb77913dd8f53bf','group.active',1795730007.8117628097,'group:35',2,35,1,'{"group":"Field Team Jakarta","slug":"field-team-jakarta","jid":"120363115568262222@g.us","subject":"Field Team Jakarta","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":21,"joined_at":"2026-11-26T21:52:57.574Z","confirmed_at":"2026-11-26T21:53:27.812Z"}',1);
INSERT INTO messages VALUES(35,'msg_01a219d9e77718aec587ee954e865abc','group.active',1795730040.6951017379,'group:36',2,36,1,'{"group":"Dispatch Cairo","slug":"dispatch-cairo","jid":"120363903715178688@g.us","subject":"Dispatch Cairo","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":150,"joined_at":"2026-11-26T21:53:31.413Z","confirmed_at":"2026-11-26T21:54:00.695Z"}',1);
INSERT INTO messages VALUES(36,'msg_01a219daabddd6edc1879815bee9ecfd','group.active',1795730090.9736318588,'group:37',2,37,1,'{"group":"Sales Quito","slug":"sales-quito","jid":"120363606777731534@g.us","subject":"Sales Quito","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":27,"joined_at":"2026-11-26T21:54:05.494Z","confirmed_at":"2026-11-26T21:54:50.974Z"}',1);
INSERT INTO messages VALUES(37,'msg_01a219dac52cb33da40d104e8f410e09','group.active',1795730097.4527902602,'group:38',2,38,1,'{"group":"Dispatch São Paulo","slug":"dispatch-sao-paulo","jid":"120363877405924670@g.us","subject":"Dispatch São Paulo","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":38,"joined_at":"2026-11-26T21:54:49.651Z","confirmed_at":"2026-11-26T21:54:57.453Z"}',1);
INSERT INTO messages VALUES(38,'msg_01a219dbdee54992378494d2a36235d2','group.active',1795730169.5730848311,'group:39',2,39,1,'{"group":"Orders Amman","slug":"orders-amman","jid":"120363076991439408@g.us","subject":"Orders Amman","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":16,"joined_at":"2026-11-26T21:54:56.613Z","confirmed_at":"2026-11-26T21:56:09.573Z"}',1);
INSERT INTO messages VALUES(39,'msg_01a219dbfb7c47113b006f8e8cc6d7a3','group.active',1795730176.8923254012,'group:40',2,40,1,'{"group":"Key Accounts Pune","slug":"key-accounts-pune","jid":"120363398889990622@g.us","subject":"Key Accounts Pune","labels":[],"instance":"backup-1","recovery":1,"status":"active","was":"confirming","reason":null,"sentence":"in the group, with its JID and evidence on disk","mover":"rejoin","hint":"nothing to do","command":null,"detail":null,"evidence":"participant","members":91,"joined_at":"2026-11-26T21:56:10.172Z","confirmed_at":"2026-11-26T21:56:16.892Z"}',1);
INSERT INTO messages VALUES(40,'msg_01a21a02a86b899ac2ae7f3c21b772fc','recovery.finished',1795732711.5315504074,'recovery:1',2,NULL,1,'{"recovery":1,"instance":"backup-1","from":null,"to":"backup-1","labels":[],"state":"finished","outcome":"needs_you","actor":"ops@rejoin-1","by_itself":false,"follows":null,"started_at":"2026-11-26T21:40:12.214Z","finished_at":"2026-11-26T22:38:31.532Z","total":40,"active":32,"needs_you":6,"counts":{"pending":0,"ready":0,"joining":0,"confirming":0,"awaiting_approval":1,"active":32,"deferred":2,"blocked":5,"skipped":0,"left":0}}',1);
INSERT INTO messages VALUES(41,'msg_01a21a15668a18d61bab6d5f54665303','instance.lost',1795733939.8507852554,'instance:1',1,NULL,NULL,'{"instance":"sales-main","role":"primary","since":"2026-11-26T22:48:54.185Z","decided_at":"2026-11-26T22:58:59.851Z","decided_by":"after 10 min by 2 kinds of evidence: the session''s state, asked for; a look at the members of one of its groups","evidence":["2026-11-26T22:48:54.185Z the session''s state, asked for: lost (FAILED)","2026-11-26T22:49:01.369Z a look at the members of one of its groups: the session is down (the gateway has no connected session under this instance_id (HTTP 404) invalid_session | Session not found or not connected. Scan the QR code again.)","2026-11-26T22:58:32.750Z a look at the members of one of its groups: the session is down (the gateway has no connected session under this instance_id (HTTP 404) invalid_session | Session not found or not connected. Scan the QR code again.)","2026-11-26T22:58:58.940Z the session''s state, asked for: lost (FAILED)"],"action":"notify","to":null,"recovery":null,"detail":null,"command":"rejoin run --from sales-main"}',1);
INSERT INTO messages VALUES(42,'msg_01a21a226ae62019d8bedf1fed1443c7','instance.paused',1795734792.9348726272,'instance:2',2,NULL,NULL,'{"instance":"backup-1","role":"backup","recovery":null,"reason":"operator","text":null,"by":"ops@rejoin-1","until":null,"short":false,"sentence":"a person paused it","mover":"you","hint":"resume when it may go on","command":"rejoin resume --to backup-1"}',0);
CREATE TABLE deliveries (
	id INTEGER NOT NULL, 
	message_id INTEGER NOT NULL, 
	sink TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	state TEXT DEFAULT 'pending' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	next_attempt_at DOUBLE, 
	delivered_at DOUBLE, 
	error TEXT, 
	CONSTRAINT pk_deliveries PRIMARY KEY (id), 
	CONSTRAINT fk_deliveries_message_id_messages FOREIGN KEY(message_id) REFERENCES messages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_deliveries_message_id_sink UNIQUE (message_id, sink)
);
INSERT INTO deliveries VALUES(1,1,'hook:127.0.0.1','recovery:1','pending',1,1795733361.5168023109,NULL,'could not be reached');
INSERT INTO deliveries VALUES(2,2,'hook:127.0.0.1','group:2','pending',1,1795733361.5726447105,NULL,'could not be reached');
INSERT INTO deliveries VALUES(3,3,'hook:127.0.0.1','group:3','pending',1,1795733361.5338039397,NULL,'could not be reached');
INSERT INTO deliveries VALUES(4,4,'hook:127.0.0.1','group:1','pending',1,1795733362.4706840514,NULL,'could not be reached');
INSERT INTO deliveries VALUES(5,5,'hook:127.0.0.1','group:4','pending',1,1795733362.462701559,NULL,'could not be reached');
INSERT INTO deliveries VALUES(6,6,'hook:127.0.0.1','group:10','pending',1,1795733361.5759737492,NULL,'could not be reached');
INSERT INTO deliveries VALUES(7,7,'hook:127.0.0.1','group:7','pending',1,1795733361.846638441,NULL,'could not be reached');
INSERT INTO deliveries VALUES(8,8,'hook:127.0.0.1','group:18','pending',1,1795733361.6990363597,NULL,'could not be reached');
INSERT INTO deliveries VALUES(9,9,'hook:127.0.0.1','group:9','pending',1,1795733362.1465556621,NULL,'could not be reached');
INSERT INTO deliveries VALUES(10,10,'hook:127.0.0.1','group:19','pending',1,1795733362.4862334728,NULL,'could not be reached');
INSERT INTO deliveries VALUES(11,11,'hook:127.0.0.1','group:12','pending',1,1795733362.1951527595,NULL,'could not be reached');
INSERT INTO deliveries VALUES(12,12,'hook:127.0.0.1','group:13','pending',1,1795733362.3620028496,NULL,'could not be reached');
INSERT INTO deliveries VALUES(13,13,'hook:127.0.0.1','group:14','pending',1,1795733362.0035243033,NULL,'could not be reached');
INSERT INTO deliveries VALUES(14,14,'hook:127.0.0.1','group:11','pending',1,1795733361.957711935,NULL,'could not be reached');
INSERT INTO deliveries VALUES(15,15,'hook:127.0.0.1','group:16','pending',1,1795733362.1753573417,NULL,'could not be reached');
INSERT INTO deliveries VALUES(16,16,'hook:127.0.0.1','instance:2','pending',1,1795733362.2615387439,NULL,'could not be reached');
INSERT INTO deliveries VALUES(17,17,'hook:127.0.0.1','group:17','pending',1,1795733361.8720035553,NULL,'could not be reached');
INSERT INTO deliveries VALUES(18,18,'hook:127.0.0.1','group:5','pending',1,1795733362.3268265723,NULL,'could not be reached');
INSERT INTO deliveries VALUES(19,19,'hook:127.0.0.1','group:20','pending',1,1795733362.3958654404,NULL,'could not be reached');
INSERT INTO deliveries VALUES(20,20,'hook:127.0.0.1','group:22','pending',1,1795733361.7095344066,NULL,'could not be reached');
INSERT INTO deliveries VALUES(21,21,'hook:127.0.0.1','group:23','pending',1,1795733707.7046408653,NULL,'could not be reached');
INSERT INTO deliveries VALUES(22,22,'hook:127.0.0.1','group:24','pending',1,1795734019.8328626155,NULL,'could not be reached');
INSERT INTO deliveries VALUES(23,23,'hook:127.0.0.1','group:25','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(24,24,'hook:127.0.0.1','group:26','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(25,25,'hook:127.0.0.1','group:27','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(26,26,'hook:127.0.0.1','group:28','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(27,27,'hook:127.0.0.1','group:29','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(28,28,'hook:127.0.0.1','group:30','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(29,29,'hook:127.0.0.1','group:21','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(30,30,'hook:127.0.0.1','group:31','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(31,31,'hook:127.0.0.1','group:32','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(32,32,'hook:127.0.0.1','group:33','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(33,33,'hook:127.0.0.1','group:34','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(34,34,'hook:127.0.0.1','group:35','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(35,35,'hook:127.0.0.1','group:36','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(36,36,'hook:127.0.0.1','group:37','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(37,37,'hook:127.0.0.1','group:38','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(38,38,'hook:127.0.0.1','group:39','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(39,39,'hook:127.0.0.1','group:40','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(40,40,'hook:127.0.0.1','recovery:1','pending',0,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(41,41,'hook:127.0.0.1','instance:1','pending',0,NULL,NULL,NULL);
CREATE TABLE schedule (
	name TEXT NOT NULL, 
	expression TEXT NOT NULL, 
	last_due_at DOUBLE, 
	last_ran_at DOUBLE, 
	last_result TEXT, 
	CONSTRAINT pk_schedule PRIMARY KEY (name)
);
INSERT INTO schedule VALUES('recover','0 6 * * * UTC',1795733338.1739110946,NULL,NULL);
CREATE INDEX ix_journal_group_id ON journal (group_id, id);
CREATE INDEX ix_journal_recovery_id ON journal (recovery_id, id);
CREATE INDEX ix_group_instances_instance_name ON group_instances (instance_name, group_id);
CREATE INDEX ix_group_labels_label ON group_labels (label, group_id);
CREATE INDEX ix_invite_codes_group_id ON invite_codes (group_id);
CREATE UNIQUE INDEX uq_invite_codes_current ON invite_codes (group_id) WHERE current;
CREATE INDEX ix_recoveries_to_instance_id ON recoveries (to_instance_id, id);
CREATE INDEX ix_memberships_claim ON memberships (instance_id, status, priority DESC, id);
CREATE INDEX ix_memberships_due ON memberships (instance_id, status, next_attempt_at);
CREATE INDEX ix_memberships_greeting ON memberships (instance_id, greeting, confirmed_at) WHERE greeting IN ('pending', 'sending');
CREATE INDEX ix_memberships_group_id ON memberships (group_id);
CREATE INDEX ix_memberships_reason ON memberships (instance_id, status, reason);
CREATE INDEX ix_memberships_recovery_id ON memberships (recovery_id, status, reason, next_attempt_at);
CREATE UNIQUE INDEX uq_memberships_jid ON memberships (instance_id, jid) WHERE jid IS NOT NULL;
CREATE INDEX ix_slots_membership_id ON slots (membership_id);
CREATE INDEX ix_slots_unfinished ON slots (instance_id) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX uq_losses_open ON losses (instance_id) WHERE state IN ('suspected', 'lost');
CREATE INDEX ix_losses_instance_id ON losses (instance_id, id);
CREATE INDEX ix_events_open ON events (state, id) WHERE state IN ('new', 'waiting');
CREATE INDEX ix_events_received_at ON events (received_at);
CREATE INDEX ix_messages_new ON messages (id) WHERE NOT fanned_out;
CREATE INDEX ix_messages_at ON messages (at);
CREATE INDEX ix_deliveries_open ON deliveries (sink, subject, message_id) WHERE state = 'pending';
CREATE INDEX ix_deliveries_parked ON deliveries (id) WHERE state = 'parked';
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal WHEN OLD.at > (julianday('now') - 2440587.5) * 86400.0 - 2592000 BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
COMMIT;
