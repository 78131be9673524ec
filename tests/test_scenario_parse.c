/* Every form of every statement becomes the struct that it should. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "scenario/parse.h"
#include "scenario_dump.h"
#include "support.h"

/* A script around the lines under test: connections A, B (login), H (http),
 * variable $v, a proc; and at the end a sign of life. */
static const char before[] =
    "rly 1\n"
    "dialect iroh-v3\n"
    "frame Odd type 0x3f { key: key, n: u16 rest: bytes }\n"
    "proc hello(on, who, what)\n"
    "  on -> SendPacket key=pub(who) data=$what\n"
    "end\n"
    "scenario t \"A test\"\n"
    "  covers R-129\n"
    "  over ws\n"
    "  own\n"
    "  conn A = login key=alice\n"
    "  conn B = login key=bob\n"
    "  conn H = http\n"
    "  conn R = login key=carol carrier=raw\n"
    "  let $v = 1\n"
    "  assert $v == 1\n";
static const char after[] = "  A -> Ping data=x\"00*8\"\n"
			    "  A <- Pong\n"
			    "end\n";
/* Steps in front of those under test. */
#define STEPS_BEFORE 6
#define STEPS_AFTER  2

static struct script *
parse(const char *text)
{
	struct text errors;
	struct script *s;

	text_init(&errors);
	s = script_parse("t.rly", text, strlen(text), NULL, &errors);
	ck_assert_msg(s != NULL, "%s\nin\n%s", text_str(&errors), text);
	ck_assert_str_eq(text_str(&errors), "");
	text_clear(&errors);
	return s;
}

static struct script *
parse_steps_text(const char *steps)
{
	struct text t;
	struct script *s;

	text_init(&t);
	text_addf(&t, "%s%s\n%s", before, steps, after);
	s = parse(text_str(&t));
	text_clear(&t);
	return s;
}

/* clang-format off */
static const struct {
	const char *text;
	const char *want; /* as dumped */
} steps[] = {
	/* connections */
	{ "conn X = tcp", "conn on:X tcp" },
	{ "conn X = http to=plain", "conn on:X http to=plain" },
	{ "conn X = http to=\"http://127.0.0.1:80\"",
	    "conn on:X http to=<687474703a2f2f3132372e302e302e313a3830>" },
	{ "conn X = upgrade carrier=raw", "conn on:X upgrade carrier=raw" },
	{ "conn X = login key=dave confirm=no autopong=no rcvbuf=4096",
	    "conn on:X login key=dave confirm=no autopong=no rcvbuf=4096" },
	{ "conn X = login key=seed(x\"01*32\")",
	    "conn on:X login key=seed(<01010101010101010101010101010101"
	    "01010101010101010101010101010101>)" },
	{ "conn X = tcp tls.alpn=\"h2\" tls.sni=\"a.example\" tls.min=1.2 "
	  "tls.max=1.3 tls.verify=no",
	    "conn on:X tcp tls.alpn=<6832> tls.sni=<612e6578616d706c65> "
	    "tls.min=1.2 tls.max=1.3 tls.verify=no" },
	{ "conn X = udp to=$target.stun", "conn on:X udp to=$target.stun" },
	{ "conn X = listen", "conn on:X listen" },
	{ "conn X = login key=dave => fail \"cannot log in\"",
	    "conn on:X login key=dave =>fail because:cannot log in" },
	/* sends */
	{ "A -> Ping data=x\"01 02*2 0304\"",
	    "send on:A frame name:Ping/Ping data=<0102020304>" },
	{ "A->KeepAlive", "send on:A frame name:KeepAlive/KeepAlive" },
	{ "A -> Send key=pub(bob) data=\"hi\\n\\x00\\\"\"",
	    "send on:A frame name:Send/SendPacket key=pub(bob) "
	    "data=<68690a0022>" },
	{ "A -> Ping data=fill(8) chop=1 every=5ms",
	    "send on:A frame name:Ping/Ping data=fill(8) chop:1 "
	    "every:5000000ns" },
	{ "A -> Ping cut=3 data=rand(8)",
	    "send on:A frame name:Ping/Ping data=rand(8) cut:3" },
	{ "R -> Ping data=x\"\" len=+1",
	    "send on:R frame name:Ping/Ping data=<> len:1" },
	{ "R -> Ping len=-1", "send on:R frame name:Ping/Ping len:-1" },
	{ "A -> Ping data=x\"00*8\" patch @0=x\"ff\" patch @$v=x\"0102\"",
	    "send on:A frame name:Ping/Ping data=<0000000000000000> "
	    "@0=<ff> @$v=<0102>" },
	{ "A -> Odd key=pub(bob) n=7 rest=\"x\"",
	    "send on:A frame name:Odd/Odd key=pub(bob) n=7 rest=<78>" },
	{ "A -> NotePreferred data=0x1",
	    "send on:A frame name:NotePreferred/NotePreferred data=1" },
	{ "A -> Restarting reconnect_in_ms=$v * 1000 try_for_ms=20",
	    "send on:A frame name:Restarting/Restarting "
	    "reconnect_in_ms=($v * 1000) try_for_ms=20" },
	{ "A -> raw x\"0c\"", "send on:A raw value:<0c>" },
	{ "A -> raw frame(12,cat(x\"01\",\"b\",u16(1),u32($v))) chop=2",
	    "send on:A raw value:frame(12, cat(<01>, <62>, u16(1), "
	    "u32($v))) chop:2" },
	{ "H -> http GET \"/relay\" Upgrade=\"websocket\" "
	  "Sec-WebSocket-Version=13 Host=absent body=\"x\"",
	    "send on:H http name:GET value:<2f72656c6179> "
	    "Upgrade=<776562736f636b6574> Sec-WebSocket-Version=13 "
	    "Host=(absent) body=<78>" },
	{ "H -> http GET $target.url A=\"1\" A=\"2\"",
	    "send on:H http name:GET value:$target.url A=<31> A=<32>" },
	{ "A -> ws opcode=9 fin=0 rsv=1 mask=no payload=\"p\"",
	    "send on:A ws opcode=9 fin=0 rsv=1 mask=no payload=<70>" },
	{ "defect A -> ws opcode=9", "defect send on:A ws opcode=9" },
	/* what is waited for */
	{ "A <- Pong", "expect on:A [frame Pong/Pong]" },
	{ "A <- RecvPacket key==pub(bob) data!=\"no\" within 3s",
	    "expect on:A [frame RecvPacket/RecvPacket key==pub(bob) "
	    "data!=<6e6f>] within:3000000000ns" },
	{ "A <- RecvPacket data as $got\nA -> SendPacket key=pub(bob) data=$got",
	    "expect on:A [frame RecvPacket/RecvPacket data as $got]" },
	{ "A <- Restarting reconnect_in_ms<5 try_for_ms>=2",
	    "expect on:A [frame Restarting/Restarting reconnect_in_ms<5 "
	    "try_for_ms>=2]" },
	{ "A <- Restarting reconnect_in_ms<=5 try_for_ms>2",
	    "expect on:A [frame Restarting/Restarting reconnect_in_ms<=5 "
	    "try_for_ms>2]" },
	{ "A <- Health text~\"*busy*\"",
	    "expect on:A [frame Health/Health text~<2a627573792a>]" },
	{ "A <- KeepAlive within 75s not-before 55s => ok named keepalive",
	    "expect on:A [frame KeepAlive/KeepAlive] within:75000000000ns "
	    "not-before:55000000000ns =>ok named:keepalive" },
	{ "A <- Pong optional", "expect on:A [frame Pong/Pong] optional" },
	{ "A <- Pong count 2..3", "expect on:A [frame Pong/Pong] count:2..3" },
	{ "A <- Pong count 5", "expect on:A [frame Pong/Pong] count:5" },
	{ "A <- Pong then closed",
	    "expect on:A [frame Pong/Pong] then [closed]" },
	{ "A <- Pong then Ping data==x\"00*8\" within 1s",
	    "expect on:A [frame Pong/Pong] within:1000000000ns then "
	    "[frame Ping/Ping data==<0000000000000000>]" },
	{ "A <- any => nonstrict \"told\"",
	    "expect on:A [any] =>nonstrict because:told" },
	{ "H <- bytes data==x\"01\"", "expect on:H [bytes data==<01>]" },
	{ "H <- bytes", "expect on:H [bytes]" },
	{ "H <- http status==101 Upgrade~\"websocket\" X-Y==absent "
	  "count.Z==2 body as $body\nassert $body == \"\"",
	    "expect on:H [http status==101 Upgrade~<776562736f636b6574> "
	    "X-Y==(absent) count.Z==2 body as $body]" },
	{ "A <- ws opcode==10 payload==\"p\"",
	    "expect on:A [ws opcode==10 payload==<70>]" },
	{ "A <- closed", "expect on:A [closed]" },
	{ "A <- eof", "expect on:A [eof]" },
	{ "A <- reset", "expect on:A [reset]" },
	{ "A <- truncated", "expect on:A [truncated]" },
	{ "H <- tls version==1.3 alpn==absent",
	    "expect on:H [tls version==1.3 alpn==(absent)]" },
	{ "control A <- Pong\ndefect note \"\"", "control expect on:A [frame Pong/Pong]" },
	/* never */
	{ "never A <- PeerGone", "never on:A [frame PeerGone/PeerGone]" },
	{ "never A <- any for 300ms => info named silent",
	    "never on:A [any] time:300000000ns =>info named:silent" },
	{ "never B <- RecvPacket data==\"x\" fence data A to B",
	    "never on:B [frame RecvPacket/RecvPacket data==<78>] fence:data "
	    "a:A b:B" },
	{ "never A <- Pong fence ingress A",
	    "never on:A [frame Pong/Pong] fence:ingress a:A" },
	{ "never B <- Gone fence gone B",
	    "never on:B [frame Gone/PeerGone] fence:gone a:B" },
	/* fences, lives */
	{ "fence ingress A", "fence fence:ingress a:A" },
	{ "fence data A to B", "fence fence:data a:A b:B" },
	{ "fence gone B", "fence fence:gone a:B" },
	{ "B shut", "life on:B shut" },
	{ "B close", "life on:B close" },
	{ "B abort", "life on:B abort" },
	{ "A pause", "life on:A pause" },
	{ "A resume", "life on:A resume" },
	{ "H start raw", "life on:H start-raw" },
	{ "H start ws", "life on:H start-ws" },
	{ "H start tls", "life on:H start-tls" },
	/* blocks */
	{ "oneof {\n never A <- any for 1s => ok named silent\n"
	  " A <- closed => fail \"why\"\n}",
	    "oneof { never on:A [any] time:1000000000ns =>ok named:silent; "
	    "expect on:A [closed] =>fail because:why }" },
	{ "anyorder {\nA <- Pong\nB <- Pong\n}",
	    "anyorder { expect on:A [frame Pong/Pong]; expect on:B [frame "
	    "Pong/Pong] }" },
	{ "repeat 3 {\nA -> KeepAlive\n}",
	    "repeat count:3 { send on:A frame name:KeepAlive/KeepAlive }" },
	{ "repeat $v as $i {\nA -> raw u32($i)\n}",
	    "repeat count:$v as:i { send on:A raw value:u32($i) }" },
	{ "during 2s {\nA -> KeepAlive\n}",
	    "during time:2000000000ns { send on:A frame "
	    "name:KeepAlive/KeepAlive }" },
	{ "A write {\nA -> KeepAlive\nA -> raw x\"00\"\n}",
	    "write on:A { send on:A frame name:KeepAlive/KeepAlive; send "
	    "on:A raw value:<00> }" },
	{ "repeat 2 {\n repeat 2 {\n  A -> KeepAlive\n }\n}",
	    "repeat count:2 { repeat count:2 { send on:A frame "
	    "name:KeepAlive/KeepAlive } }" },
	{ "repeat 2 {\n}", "repeat count:2" },
	/* drain */
	{ "B drain RecvPacket key==pub(alice) count 1..3000 increasing data "
	  "quiet 500ms",
	    "drain on:B [frame RecvPacket/RecvPacket key==pub(alice)] "
	    "count:1..3000 time:500000000ns increasing:data" },
	{ "B drain Pong quiet 1s", "drain on:B [frame Pong/Pong] "
	    "time:1000000000ns" },
	/* the rest */
	{ "sleep 1.5s", "sleep time:1500000000ns" },
	{ "let $x = flip(sign(alice,x\"03\"),bit=0)\nassert $x != $v",
	    "let name:x value:flip(sign(alice, <03>), bit=0)" },
	{ "let $x = b64(ws-accept(\"k\"))\nassert $x != $v",
	    "let name:x value:b64(ws-accept(<6b>))" },
	{ "let $x = $v + 1\nassert $x > $v", "let name:x value:($v + 1)" },
	{ "let $x = $v - 1\nassert $x < $v", "let name:x value:($v - 1)" },
	{ "let $x = 6 / 2\nassert $x >= $v", "let name:x value:(6 / 2)" },
	{ "let $x = disco(40)\nassert $x ~ \"*\"", "let name:x value:disco(40)" },
	{ "let $x = export(A,\"label\",32)\nassert $x != \"\"",
	    "let name:x value:export(A, <6c6162656c>, 32)" },
	{ "assert $v == 1", "assert value:($v == 1)" },
	{ "call hello(A, bob, \"hi\")",
	    "call name:hello arg:A arg:bob arg:<6869> { send on:A frame "
	    "name:SendPacket/SendPacket key=pub(bob) data=<6869> }" },
	{ "call hello(B, seed(x\"02*32\"), cat(\"a\",$v))",
	    "call name:hello arg:B arg:seed(<02020202020202020202020202020202"
	    "02020202020202020202020202020202>) arg:cat(<61>, $v) { send "
	    "on:B frame name:SendPacket/SendPacket key=pub(seed("
	    "<0202020202020202020202020202020202020202020202020202020202020202"
	    ">)) data=cat(<61>, $v) }" },
	{ "note \"what follows is slow\"", "note text:what follows is slow" },
	{ "target signal INT", "target signal name:INT" },
	{ "target restart", "target restart" },
	{ "target wait exit==0 within 5s",
	    "target exit value:0 within:5000000000ns" },
	{ "target assert metric relayd_ended_total increments 1 within 2s",
	    "target metric name:relayd_ended_total value:1 "
	    "within:2000000000ns" },
	{ "target assert metric x increments 1..$v",
	    "target metric name:x value:1..$v" },
	{ "target assert fds<=12", "target fds value:12" },
	{ "target assert file ~ \"a*\"", "target file value:<612a>" },
	{ "target assert fds < baseline", "target fds baseline+1" },
	{ "target assert rss<=baseline + 2", "target rss baseline+1 value:2" },
	{ "target assert rss<=baseline - 1", "target rss baseline-1 value:1" },
	{ "target assert alive", "target alive" },
};
/* clang-format on */

START_TEST(each_step_becomes_its_struct)
{
	struct script *s = parse_steps_text(steps[_i].text);
	const struct scenario *sc = s->scenarios[0];
	struct text got;

	text_init(&got);
	ck_assert_uint_ge(sc->nsteps, STEPS_BEFORE + STEPS_AFTER + 1);
	dump_step(sc->steps[STEPS_BEFORE], &got);
	ck_assert_str_eq(text_str(&got), steps[_i].want);
	text_clear(&got);
	script_free(s);
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	const char *want;
} metas[] = {
	{ "covers R-129", " covers:iroh-v3/R-129" },
	{ "covers R-1 R-2\ncovers iroh-v3/R-3",
	    " covers:iroh-v3/R-1,iroh-v3/R-2,iroh-v3/R-3" },
	{ "covers R-1 over raw\ncovers R-2 R-3 over raw ws",
	    " covers:iroh-v3/R-1,iroh-v3/R-2,iroh-v3/R-3 0:1 1:3 2:3" },
	{ "covers R-1\ntags slow core\ntags more",
	    " covers:iroh-v3/R-1 tags:slow,core,more" },
	{ "covers R-1\nneeds tls plain-beside-tls\nunless iroh-v3",
	    " covers:iroh-v3/R-1 needs:tls,plain-beside-tls unless:iroh-v3" },
	{ "covers R-1\nover raw", " covers:iroh-v3/R-1 over:1" },
	{ "covers R-1\nover ws raw", " covers:iroh-v3/R-1 over:3" },
	{ "covers R-1\nparam p in x\"00*2\" \"w\" 3 disco(64) word 1..3",
	    " covers:iroh-v3/R-1 param:p=<0000>,<77>,3,disco(64),word,1,2,3" },
	{ "covers R-1\nparam p in -1 +2 0x10",
	    " covers:iroh-v3/R-1 param:p=-1,2,16" },
	{ "covers R-1\ntimeout 150s",
	    " covers:iroh-v3/R-1 timeout:150000000000ns" },
	{ "covers R-1\nown\nserial", " covers:iroh-v3/R-1 own serial" },
	{ "covers R-1\ncalm", " covers:iroh-v3/R-1 calm" },
	{ "covers R-1\nbackground strict", " covers:iroh-v3/R-1 strict" },
	{ "covers R-1\nbackground skip", " covers:iroh-v3/R-1" },
	{ "covers R-1\nleftover fail", " covers:iroh-v3/R-1 leftover:fail" },
	{ "covers R-1\nleftover list", " covers:iroh-v3/R-1 leftover:list" },
	{ "covers R-1\nleftover ignore",
	    " covers:iroh-v3/R-1 leftover:ignore" },
};
/* clang-format on */

START_TEST(each_word_before_the_steps_becomes_its_member)
{
	struct text t, got;
	struct script *s;
	bool uses_p = strstr(metas[_i].text, "param p") != NULL;

	text_init(&t);
	text_init(&got);
	text_addf(&t,
	    "rly 1\ndialect iroh-v3\nscenario a.b \"T\"\n%s\n"
	    "conn A = login key=alice\nfence ingress A\n%send\n",
	    metas[_i].text, uses_p ? "A -> raw cat($p)\n" : "");
	s = parse(text_str(&t));
	dump_scenario(s->scenarios[0], &got);
	text_reset(&t);
	text_addf(&t, "scenario a.b (T)%s\n", metas[_i].want);
	got.s[strcspn(got.s, "\n") + 1] = '\0';
	ck_assert_str_eq(got.s, text_str(&t));
	text_clear(&t);
	text_clear(&got);
	script_free(s);
}
END_TEST

START_TEST(places_name_line_column_and_length)
{
	struct script *s = parse_steps_text("\t  A -> Ping  data=\"\xc3\xa4\" "
					    "# \xe2\x86\x92\n  A <- Pong "
					    "data==x\"00*8\"");
	const struct step *send = s->scenarios[0]->steps[STEPS_BEFORE];
	const struct step *expect = s->scenarios[0]->steps[STEPS_BEFORE + 1];

	ck_assert_str_eq(send->at.file, "t.rly");
	ck_assert_int_eq(send->at.line, 17);
	ck_assert_int_eq(send->at.col, 4);
	ck_assert_str_eq(send->source, "A -> Ping  data=\"\xc3\xa4\"");
	ck_assert_int_eq(send->settings[0].at.col, 15);
	ck_assert_int_eq(send->settings[0].value->at.col, 20);
	ck_assert_int_eq(send->settings[0].value->at.len, 3);
	ck_assert_int_eq(expect->watch.preds[0].at.col, 13);
	ck_assert_int_eq(expect->watch.preds[0].at.len, 13);
	ck_assert_str_eq(expect->watch.preds[0].value->source, "x\"00*8\"");
	ck_assert_int_eq(s->scenarios[0]->end_line, 21);
	ck_assert_uint_eq(s->nlines, 21);
	ck_assert_str_eq(s->lines[20], "end");
	script_free(s);
}
END_TEST

/* The same script with all kinds of line ends, a mark in front, tabs, and
 * no newline at the end. */
START_TEST(line_ends_marks_and_tabs_do_not_matter)
{
	static const char plain[] = "rly 1\ndialect iroh-v3\n"
				    "scenario a \"T\"\n  covers R-1\n"
				    "  conn A = login key=alice # \xc3\xa9\n"
				    "  fence ingress A\nend\n";
	struct text t, want, got;
	struct script *s = parse(plain);

	text_init(&want);
	dump_script(s, &want);
	script_free(s);
	for (int form = 0; form < 8; form++) {
		text_init(&t);
		text_init(&got);
		if ((form & 1) != 0)
			text_add(&t, "\xef\xbb\xbf");
		for (const char *p = plain; *p != '\0'; p++) {
			if ((form & 2) != 0 && *p == '\n')
				text_add(&t, " \t\r");
			text_add_n(&t, (form & 2) != 0 && *p == ' ' ? "\t" : p,
			    1);
		}
		if ((form & 4) != 0)
			t.s[--t.len] = '\0';
		/* The title holds no blanks, so only the layout changed. */
		s = parse(text_str(&t));
		dump_script(s, &got);
		ck_assert_str_eq(text_str(&got), text_str(&want));
		script_free(s);
		text_clear(&t);
		text_clear(&got);
	}
	text_clear(&want);
}
END_TEST

/* Looked through again for each byte, it would take minutes. */
START_TEST(a_long_string_is_read_in_one_go)
{
	static const char head[] = "rly 1\ndialect iroh-v3\nlet $a = \"";
	struct text t;
	struct script *s;

	text_init(&t);
	text_add(&t, head);
	for (size_t i = 0; i < 100000; i++)
		text_add(&t, "\xc3\xa9 abcdef");
	text_add(&t, "\"\n");
	s = parse(text_str(&t));
	ck_assert_uint_eq(s->nlets, 1);
	ck_assert_uint_eq(s->lets[0]->value->len, 900000);
	script_free(s);
	text_clear(&t);
}
END_TEST

START_TEST(aliases_serve_a_script_of_any_dialect)
{
	static const char text[] =
	    "rly 1\ndialect any\nscenario a \"T\"\n  covers iroh-v3/R-120\n"
	    "  conn A = login key=alice\n  conn B = login key=bob\n"
	    "  A -> Send key=pub(bob) data=\"x\"\n"
	    "  B <- Recv key==pub(alice) data==\"x\"\nend\n";
	struct script *s = parse(text);
	const struct scenario *sc = s->scenarios[0];

	ck_assert_ptr_null(s->dialect);
	ck_assert_ptr_null(sc->dialect);
	ck_assert_ptr_null(sc->steps[2]->frame);
	ck_assert_str_eq(sc->steps[2]->name, "Send");
	ck_assert_ptr_null(sc->steps[3]->watch.frame);
	ck_assert_str_eq(sc->steps[3]->watch.frame_name, "Recv");
	script_free(s);
}
END_TEST

START_TEST(local_frames_have_their_number_and_fields)
{
	struct script *s = parse_steps_text("A -> KeepAlive");
	const struct rk_frame_spec *f = s->frames[0];

	ck_assert_uint_eq(s->nframes, 1);
	ck_assert_str_eq(f->name, "Odd");
	ck_assert_uint_eq(f->type, 0x3f);
	ck_assert_uint_eq(rk_frame_spec_nfields(f), 3);
	ck_assert_int_eq(f->field[0].type, RK_FIELD_KEY);
	ck_assert_uint_eq(f->field[0].len, 32);
	ck_assert_int_eq(f->field[1].type, RK_FIELD_UINT);
	ck_assert_uint_eq(f->field[1].len, 2);
	ck_assert_int_eq(f->field[2].type, RK_FIELD_BYTES);
	ck_assert_uint_eq(f->field[2].len, 0);
	script_free(s);
}
END_TEST

START_TEST(procs_call_procs_and_keep_their_own_lines)
{
	static const char text[] =
	    "rly 1\ndialect iroh-v3\n"
	    "proc inner(c, v)\n  c -> Ping data=$v\n  c <- Pong data==$v\nend\n"
	    "proc outer(c)\n  repeat 2 {\n    call inner(c, x\"07*8\")\n  }\n"
	    "end\n"
	    "scenario a \"T\"\n  covers R-1\n  conn A = login key=alice\n"
	    "  call outer(A)\nend\n";
	struct script *s = parse(text);
	const struct step *call = s->scenarios[0]->steps[1];
	const struct step *inner = call->body[0]->body[0];

	ck_assert_int_eq(call->at.line, 15);
	ck_assert_int_eq(inner->kind, STEP_CALL);
	ck_assert_uint_eq(inner->nbody, 2);
	ck_assert_str_eq(inner->body[0]->conn, "A");
	ck_assert_int_eq(inner->body[0]->at.line, 4);
	ck_assert_uint_eq(inner->body[1]->watch.preds[0].value->len, 8);
	/* The procedure itself stays as it was written. */
	ck_assert_str_eq(script_proc(s, "inner")->steps[0]->conn, "c");
	ck_assert_ptr_null(script_proc(s, "none"));
	script_free(s);
}
END_TEST

START_TEST(marks_inside_of_procs_make_a_control)
{
	static const char text[] =
	    "rly 1\ndialect iroh-v3\n"
	    "proc over(c)\n  defect c <- closed\n  control fence ingress c\n"
	    "end\n"
	    "scenario a \"T\"\n  covers R-1\n  conn A = login key=alice\n"
	    "  A -> raw frame(16,\"\")\n  call over(A)\nend\n";
	struct script *s = parse(text);

	ck_assert(s->scenarios[0]->has_control);
	script_free(s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("scenario parse");
	TCase *tc = tcase_create("statements");

	tcase_add_rows(tc, each_step_becomes_its_struct, steps);
	tcase_add_rows(tc, each_word_before_the_steps_becomes_its_member,
	    metas);
	tcase_add_test(tc, places_name_line_column_and_length);
	tcase_add_test(tc, line_ends_marks_and_tabs_do_not_matter);
	tcase_add_test(tc, a_long_string_is_read_in_one_go);
	tcase_add_test(tc, aliases_serve_a_script_of_any_dialect);
	tcase_add_test(tc, local_frames_have_their_number_and_fields);
	tcase_add_test(tc, procs_call_procs_and_keep_their_own_lines);
	tcase_add_test(tc, marks_inside_of_procs_make_a_control);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
