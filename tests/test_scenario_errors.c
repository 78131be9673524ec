/* Every mistake is named with its place, what was expected and, where one is
 * likely, the word that was meant; all mistakes of a file at once. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "scenario/parse.h"
#include "support.h"

struct row {
	const char *text;
	const char *want;
};

/* clang-format off */
static const struct row whole_files[] = {
	{ "rly 1\ndialect iroh-v3\nframe Ping type 9 { }\nframe F type 256 { }\n",
	    "t.rly:3:7: iroh-v3 has a frame \"Ping\": take another name\n"
	    "t.rly:4:14: a frame's type in iroh-v3 is a number up to 255\n" },
	{ "",
	    "t.rly:1:1: expected \"rly 1\", but the file is empty\n" },
	{ "scenario a \"T\"\nend\n",
	    "t.rly:1:1: expected \"rly 1\", the first line of a script, fo"
	    "und \"scenario\"\n" },
	{ "rly 2\ndialect iroh-v3\n",
	    "t.rly:1:5: expected 1, the version of the language, found \"2"
	    "\"\n" },
	{ "rly one\n",
	    "t.rly:1:5: expected 1, the version of the language, found \"o"
	    "ne\"\n" },
	{ "rly 1\n",
	    "t.rly:1:6: expected \"dialect\" and a name on the next line, "
	    "found the end of the line\n" },
	{ "rly 1\nscenario a \"T\"\n",
	    "t.rly:2:1: expected \"dialect\" and a name, found \"scenario"
	    "\"\n" },
	{ "rly 1\ndialect iroh-v4\n",
	    "t.rly:2:9: expected iroh-v3, or any, found \""
	    "iroh-v4\"; did you mean \"iroh-v3\"?\n" },
	{ "rly 1\ndialect iroh-v3 and more\n",
	    "t.rly:2:17: expected the end of the line, found \"and\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenaro a \"T\"\nend\n",
	    "t.rly:3:1: expected include, let, frame, proc or scenario, fo"
	    "und \"scenaro\"; did you mean \"scenario\"?\n" },
	{ "rly 1\ndialect iroh-v3\n\"x\"\n",
	    "t.rly:3:1: expected include, let, frame, proc or scenario, fo"
	    "und \"x\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario \"T\"\n  covers R-1\nend\n",
	    "t.rly:3:10: expected the scenario's name, found \"T\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a\nend\n",
	    "t.rly:3:11: expected a \"sentence\" that says what is tested,"
	    " found the end of the line\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"\"\nend\n",
	    "t.rly:3:12: expected a sentence that says what is tested, fou"
	    "nd \"\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"T\"\ncovers R-1\nconn A "
	    "= login key=alice\nend\nscenario a \"T\"\nend\n",
	    "t.rly:7:12: there is a scenario \"a\" already (line 3)\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"T\"\n  covers R-1\n  con"
	    "n A = login key=alice\n",
	    "t.rly:5:27: the file ends here, but \"end\" is missing: it cl"
	    "oses line 3\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"T\"\n  covers R-1\n  con"
	    "n A = login key=alice\nscenario b \"T\"\n  covers R-1\n  conn"
	    " A = login key=alice\nend\n",
	    "t.rly:6:1: \"end\" is missing: it closes line 3\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"T\"\n  covers R-1\n  con"
	    "n A = login key=alice\n  oneof {\n    A <- closed\nend\n",
	    "t.rly:8:1: \"}\" is missing: it closes line 6\n" },
	{ "rly 1\ndialect iroh-v3\ninclude \"nowhere.rly\"\n",
	    "t.rly:3:9: cannot read \"nowhere.rly\": No such file or direc"
	    "tory\n" },
	{ "rly 1\ndialect iroh-v3\ninclude \"/etc/passwd\"\n",
	    "t.rly:3:9: an included file is named relative to this one\n" },
	{ "rly 1\ndialect iroh-v3\ninclude lib\n",
	    "t.rly:3:9: expected a \"file\", found \"lib\"\n" },
	{ "rly 1\ndialect iroh-v3\ninclude \".\"\n",
	    "t.rly:3:9: cannot read \".\": Is a directory\n" },
	{ "rly 1\ndialect iroh-v3\nlet $x =\n",
	    "t.rly:3:9: expected a value, found the end of the line\n" },
	{ "rly 1\ndialect iroh-v3\nlet x = 1\n",
	    "t.rly:3:5: expected a variable such as $x, found \"x\"\n" },
	{ "rly 1\ndialect iroh-v3\nframe X { a: u8 }\n",
	    "t.rly:3:9: expected \"type\", found \"{\"\n" },
	{ "rly 1\ndialect iroh-v3\nframe X type many { a: u8 }\n",
	    "t.rly:3:14: expected a number, the frame's type, found \"many"
	    "\"\n" },
	{ "rly 1\ndialect iroh-v3\nframe X type 9 { a: u9 }\n",
	    "t.rly:3:21: expected key, u8, u16, u32, u64, bytes or text, f"
	    "ound \"u9\"; did you mean \"u8\"?\n" },
	{ "rly 1\ndialect iroh-v3\nframe X type 9 { a: u8\n",
	    "t.rly:3:23: expected a field's name, found the end of the lin"
	    "e\n" },
	{ "rly 1\ndialect iroh-v3\nframe X type 9 { a: u8 b: u8 c: u8 d:"
	    " u8 e: u8 f: u8 }\n",
	    "t.rly:3:48: a frame has at most 5 fields\n" },
	{ "rly 1\ndialect iroh-v3\nproc p()\nend\nproc p()\nend\n",
	    "t.rly:5:8: there is a procedure \"p\" already\n" },
	{ "rly 1\ndialect iroh-v3\nproc p\nend\n",
	    "t.rly:3:7: expected \"(\", found the end of the line\n" },
	{ "rly 1\ndialect iroh-v3\nproc p(a\nend\n",
	    "t.rly:3:9: expected \")\", found the end of the line\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  tga"
	    "s slow\n  conn A = login key=alice\n  fence ingress A\nend\n",
	    "t.rly:5:3: expected a step, found \"tgas\"; did you mean \"ta"
	    "gs\"?\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  cvoers R-1\n  tags"
	    " slow\n  oevr raw\n  conn A = login key=alice\nend\n",
	    "t.rly:4:3: expected a step, found \"cvoers\"; did you mean \""
	    "covers\"?\nt.rly:6:3: expected a step, found \"oevr\"; did yo"
	    "u mean \"over\"?\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  cove"
	    "rs R-2\n  timeout 1s\n  timeout 2s\n  leftover list\n  leftover fai"
	    "l\nend\n",
	    "t.rly:7:3: \"timeout\" is given twice\nt.rly:9:3: \"leftover\""
	    " is given twice\n" },
	{ "rly 1\ndialect iroh-v3\nlet $x = 1\nlet $x = 2\nframe F type 9 {"
	    " }\nframe F type 8 { }\n",
	    "t.rly:4:5: there is a constant $x already\nt.rly:6:9: there is "
	    "a frame \"F\" already\n" },
	{ "rly 1\ndialect iroh-v3\nproc p()\nend bogus\nproc q()\nend\n",
	    "t.rly:4:5: expected the end of the line, found \"bogus\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers\n  conn A "
	    "= login key=alice\n  fence ingress A\nend\n",
	    "t.rly:4:9: expected a requirement such as R-129 or iroh-v3/R-"
	    "129, found the end of the line\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers all\n  con"
	    "n A = login key=alice\n  fence ingress A\nend\n",
	    "t.rly:4:10: expected a requirement such as R-129 or iroh-v3/R"
	    "-129, found \"all\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-x\n  con"
	    "n A = login key=alice\n  fence ingress A\nend\n",
	    "t.rly:4:10: expected a requirement such as R-129 or iroh-v3/R"
	    "-129, found \"R-x\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  conn A = login ke"
	    "y=alice\n  fence ingress A\nend\n",
	    "t.rly:3:10: t covers no requirement: write covers R-\342\200"
	    "\246\n" },
	{ "rly 1\ndialect any\nscenario a \"T\"\n  covers R-1\nend\n",
	    "t.rly:4:10: in a script of dialect any a requirement carries "
	    "its dialect, as in iroh-v3/R-1\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  ove"
	    "r tcp\n  conn A = login key=alice\n  fence ingress A\nend\n",
	    "t.rly:5:8: expected a carrier, raw or ws, found \"tcp\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  ove"
	    "r rwa\n  conn A = login key=alice\n  fence ingress A\nend\n",
	    "t.rly:5:8: expected a carrier, raw or ws, found \"rwa\"; did "
	    "you mean \"raw\"?\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  nee"
	    "ds metrcs\n  conn A = login key=alice\n  fence ingress A\nend"
	    "\n",
	    "t.rly:5:9: expected a capability, found \"metrcs\"; did you m"
	    "ean \"metrics\"?\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  tim"
	    "eout long\n  conn A = login key=alice\n  fence ingress A\nend"
	    "\n",
	    "t.rly:5:11: expected a time such as 30s, found \"long\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  cal"
	    "m\n  serial\n  conn A = login key=alice\n  fence ingress A\nen"
	    "d\n",
	    "t.rly:6:9: either \"serial\" or \"calm\", not both\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  bac"
	    "kground stict\n  conn A = login key=alice\n  fence ingress A"
	    "\nend\n",
	    "t.rly:5:14: expected skip or strict, found \"stict\"; did you"
	    " mean \"strict\"?\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  lef"
	    "tover\n  conn A = login key=alice\n  fence ingress A\nend\n",
	    "t.rly:5:11: expected fail, list or ignore, found the end of t"
	    "he line\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  par"
	    "am p x\n  conn A = login key=alice\n  fence ingress A\nend\n",
	    "t.rly:5:11: expected \"in\", found \"x\"\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  par"
	    "am p in \"a\"\n  param p in \"b\"\n  conn A = login key=alice"
	    "\n  A -> raw $p\n  fence ingress A\nend\n",
	    "t.rly:6:11: parameter \"p\" is given twice\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  par"
	    "am p in 5..1\n  conn A = login key=alice\n  A -> raw $p\n  fe"
	    "nce ingress A\nend\n",
	    "t.rly:5:18: a range of values goes up, by 256 at most\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  par"
	    "am p in 1 2\n  conn A = login key=alice\n  fence ingress A\ne"
	    "nd\n",
	    "t.rly:5:9: $p is set and never used\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  par"
	    "am p in 1..100\n  param q in 1..100\n  conn A = login key=ali"
	    "ce\n  A -> raw u16($p + $q)\n  fence ingress A\nend\n",
	    "t.rly:3:10: t has more than 1000 choices of parameters\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1 over w"
	    "s\n  over raw\n  conn A = login key=alice\n  fence ingress A"
	    "\nend\n",
	    "t.rly:3:10: t: iroh-v3/R-1 is covered over a carrier that is "
	    "not used\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  ove"
	    "r ws\n  conn A = login key=alice\n  A -> ws opcde=9\n  fence "
	    "ingress A\nend\n",
	    "t.rly:7:11: ws has no \"opcde\"; did you mean \"opcode\"?\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  ove"
	    "r ws\n  conn A = login key=alice\n  A -> ws opcode=9 mask=may"
	    "be\n  fence ingress A\nend\n",
	    "t.rly:7:25: \"mask\" cannot be \"maybe\"\n" },
	{ "rly 1\ndialect iroh-v3\nframe X type 63 { a: u8 }\nscenario a"
	    " \"T\"\n covers R-1\n conn A = login key=alice\n A <- X\nend"
	    "\n",
	    "t.rly:7:7: a frame of this script can be sent, not waited for"
	    ": not supported yet\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  ove"
	    "r ws\n  conn A = login key=alice\n  A <- ws opcod==1\n  fence"
	    " ingress A\nend\n",
	    "t.rly:7:11: ws has no field \"opcod\"; did you mean \"opcode"
	    "\"?\n" },
	{ "rly 1\ndialect iroh-v3\nproc hello(c)\nend\nscenario a \"T\""
	    "\n covers R-1\n conn A = login key=alice\n call helo(A)\nend"
	    "\n",
	    "t.rly:8:2: there is no procedure \"helo\"; did you mean \"hel"
	    "lo\"?\n" },
	{ "rly 1\ndialect iroh-v3\nproc hello(c)\nend\nscenario a \"T\""
	    "\n covers R-1\n conn A = login key=alice\n call hello(A, 1)\n"
	    "end\n",
	    "t.rly:8:2: the number of arguments is wrong: hello takes 1, "
	    "not 2\n" },
	{ "rly 1\ndialect iroh-v3\nproc hello(c)\n c -> KeepAlive\nend\n"
	    "scenario a \"T\"\n covers R-1\n conn A = login key=alice\n ca"
	    "ll hello(\"A\")\nend\n",
	    "t.rly:9:13: \"c\" of hello is a connection's name (line 4), t"
	    "his is not one\n" },
	{ "rly 1\ndialect iroh-v3\nproc p(c)\n call p(c)\nend\nscenario "
	    "a \"T\"\n covers R-1\n conn A = login key=alice\n call p(A)\n"
	    "end\n",
	    "t.rly:4:2: calls go too deep: does p call itself?\n" },
	{ "rly 1\ndialect iroh-v3\nproc p(c)\n c -> Pnig\nend\n",
	    "t.rly:4:7: iroh-v3 has no frame \"Pnig\"; did you mean \"Ping"
	    "\"?\n" },
	{ "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n  con"
	    "n A = login key=alice\n  A -> raw frame(16,\"\")\n  A <- clos"
	    "ed\nend\n",
	    "t.rly:7:3: a dead relay would pass this: add a control, or be"
	    "hind it an exchange on the same relay\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"T\"\n covers R-1\n conn "
	    "A = login key=alice\n defect A -> KeepAlive\n A <- closed\nen"
	    "d\n",
	    "t.rly:7:2: a dead relay would pass this in the control run: a"
	    "dd a control, or behind it an exchange on the same relay\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"T\"\n covers R-1\n conn "
	    "A = tcp\nend\n",
	    "t.rly:3:10: a expects nothing of the relay: a dead one would "
	    "pass\n" },
	{ "rly 1\ndialect iroh-v3\nscenario a \"T\"\n covers R-1\n conn "
	    "A = login key=alice\n oneof {\n  never A <- any for 1s\n  A <"
	    "- Pong\n }\nend\n",
	    "t.rly:6:2: a dead relay would pass this: add a control, or be"
	    "hind it an exchange on the same relay\n" },
};

static const struct row lines[] = {
	{ "  repeat 2 { A -> KeepAlive\n  }\n", "t.rly:6:14: behind \"{\" the line ends: steps stand on lines of their own\n" },
	{ "  repeat 2 {\n    A <- Pong }\n  }\n", "t.rly:7:15: \"}\" stands on a line of its own\n" },
	{ "  A <- Pong data=x\"01*8\"\n", "t.rly:6:13: \"=\" is for what is sent: what comes is compared, as in data==…\n" },
	{ "  A -> Ping data==x\"01*8\"\n", "t.rly:6:13: what is sent is set, not compared: write data=…\n" },
	{ "  let $x = 1\n  assert $x = 1\n", "t.rly:7:13: \"=\" sets a value: two are compared with \"==\"\n" },
	{ "  A <- Pong for 1s\n", "t.rly:6:13: expected field==value, within, not-before, optional, count, then or \"=>\", found \"for\"; did you mean \"within\"?\n" },
	{ "  never A <- Pong within 1s\n", "t.rly:6:19: expected field==value, for, fence or \"=>\", found \"within\"; did you mean \"for\"?\n" },
	{ "  A -> raw fill (3)\n", "t.rly:6:17: between \"fill\" and its \"(\" is no blank\n" },
	{ "  A <- Pong count 3..1\n", "t.rly:6:19: nothing lies in 3..1: a range goes up\n" },
	{ "  wait 3s\n", "t.rly:6:3: \"wait\" begins no step; if it is a connection, \"->\", \"<-\", or shut, close, abort, pause, resume, start, write or drain stands behind it\n" },
	{ "  target signal SIGTERM\n", "t.rly:6:17: there is no signal \"SIGTERM\"; did you mean \"TERM\"?\n" },
	{ "  control A -> KeepAlive\n", "t.rly:6:3: a control is played instead of a defect: mark a step as \"defect\"\n" },
	{ "  conn B = login key=bob\n  B close\n  B -> KeepAlive\n  B <- Pong\n  B close\n  fence data A to B\n", "t.rly:8:3: \"B\" was closed on line 7: this comes too late\n" "t.rly:9:8: \"B\" was closed on line 7: this comes too late\n" "t.rly:10:3: \"B\" was closed on line 7: this comes too late\n" "t.rly:11:3: \"B\" was closed on line 7: this comes too late\n" },
	{ "  conn B = login key=bob\n  B shut\n  B -> KeepAlive\n  B <- eof\n", "t.rly:8:3: \"B\" was shut on line 7: it sends no more\n" },
	{ "  conn B = tcp\n  B -> KeepAlive\n  B <- Pong\n  never B <- any\n", "t.rly:7:8: there are no frames on \"B\" before \"B start raw\" or \"ws\"\n" "t.rly:8:8: there are no frames on \"B\" before \"B start raw\" or \"ws\"\n" "t.rly:9:14: there are no frames on \"B\" before \"B start raw\" or \"ws\"\n" },
	{ "  A <- http status==200\n", "t.rly:6:8: \"A\" is upgraded: HTTP comes on a \"conn A = http\"\n" },
	{ "  A -> raw 1..5\n", "t.rly:6:12: expected a number or bytes, found a range\n" },
	{ "  A -> raw u16(1..5)\n",
	    "t.rly:6:16: expected a number, found a range\n" },
	{ "  A -> raw u16(1..2..3)\n",
	    "t.rly:6:20: expected \")\", found \"..\"\n" },
	{ "  A -> raw cat(10ms)\n",
	    "t.rly:6:16: expected a number or bytes, found a time\n" },
	{ "  A -> Ping data=absent\n",
	    "t.rly:6:18: expected a number or bytes, found absent\n" },
	{ "  repeat 1..3 {\n  fence ingress A\n  }\n",
	    "t.rly:6:10: expected a number, found a range\n" },
	{ "  A -> Ping data=x\"01*8\" chop=10ms\n",
	    "t.rly:6:31: expected a number, found a time\n" },
	{ "  A -> Ping data=x\"01*8\" chop=1 every=5\n",
	    "t.rly:6:39: expected a time such as 300ms, found a number\n" },
	{ "  A -> raw u16(absent)\n",
	    "t.rly:6:16: expected a number, found absent\n" },
	{ "  conn B = login key=bob rcvbuf=10ms\n",
	    "t.rly:6:33: expected a number, found a time\n" },
	{ "  conn S = udp to=\"127.0.0.1\"\n  conn T = udp to=\"[::1]\"\n",
	    "t.rly:6:19: expected HOST:PORT, found \"127.0.0.1\"\n"
	    "t.rly:7:19: expected HOST:PORT, found \"[::1]\"\n" },
	{ "  conn S = udp to=main\n",
	    "t.rly:6:19: \"to\" cannot be \"main\"\n" },
	{ "  conn B = login key=bob to=stun\n",
	    "t.rly:6:29: \"to\" cannot be \"stun\"\n" },
	{ "  conn B = login key=bob to=\"nowhere\"\n",
	    "t.rly:6:29: expected a URL, found \"nowhere\"\n" },
	{ "  conn B = login key=bob confirm=1\n",
	    "t.rly:6:34: \"confirm\" cannot be 1\n" },
	{ "  conn B = login key=bob tls.sni=absent\n",
	    "t.rly:6:34: \"tls.sni\" cannot be absent\n" },
	{ "  }\n",
	    "t.rly:6:3: \"}\" closes nothing here\n" },
	{ "  oneof {\n    A <- closed\n  } more\n",
	    "t.rly:8:5: expected the end of the line, found \"more\"\n" },
	{ "  A -> raw \"abc\n",
	    "t.rly:6:12: the closing \" is missing\n" },
	{ "  A -> raw \"a\\q\"\n",
	    "t.rly:6:14: unknown escape: \\n \\r \\t \\0 \\\\ \\\" and \\x"
	    "NN are known\n" },
	{ "  A -> raw x\"0g\"\n",
	    "t.rly:6:15: bytes are written as pairs of hex digits\n" },
	{ "  A -> raw x\"012\"\n",
	    "t.rly:6:16: bytes are written as pairs of hex digits\n" },
	{ "  A -> raw x\"00*\"\n",
	    "t.rly:6:17: a count must follow \"*\", up to 1048576\n" },
	{ "  A -> raw x\"0000*1048576\"\n",
	    "t.rly:6:14: more than 1048576 bytes in a literal; fill(n) mak"
	    "es long data\n" },
	{ "  A -> raw \342\202\254\n",
	    "t.rly:6:12: this character means nothing here\n" },
	{ "  A -> raw %\n",
	    "t.rly:6:12: this character means nothing here\n" },
	{ "  A -> raw $\n",
	    "t.rly:6:12: a name must follow \"$\"\n" },
	{ "  A -> raw frame(0x,\"\")\n",
	    "t.rly:6:18: hex digits must follow \"0x\"\n" },
	{ "  A -> raw frame(0xfg,\"\")\n",
	    "t.rly:6:21: not a hex digit\n" },
	{ "  A -> raw fill(99999999999999999999)\n",
	    "t.rly:6:17: the number is too big\n" },
	{ "  sleep 10lightyears\n",
	    "t.rly:6:9: \"10lightyears\" is neither a number nor a time such "
	    "as 10ms, 2s, 3m\n" },
	{ "  A -> raw \"\001\"\n",
	    "t.rly:6:13: a control character\n" },
	{ "  calm\n",
	    "t.rly:6:3: \"calm\" belongs in front of the steps\n" },
	{ "  slep 1s\n",
	    "t.rly:6:3: expected a step, found \"slep\"; did you mean \"sl"
	    "eep\"?\n" },
	{ "  A <- colsed\n",
	    "t.rly:6:8: iroh-v3 has no frame \"colsed\"; did you mean \"clo"
	    "sed\"?\n" },
	{ "  A -> rwa x\"00\"\n",
	    "t.rly:6:12: expected name=value behind rwa; did you mean \"raw"
	    "\"?\n" },
	{ "  A -> Ping data=x\"01*8\" chop=1 eevry=5ms\n",
	    "t.rly:6:33: Ping has no field \"eevry\"; did you mean \"every"
	    "\"?\n" },
	{ "  A -> Ping data=x\"01*8\" ptach @0=x\"00\"\n",
	    "t.rly:6:26: expected name=value, found \"ptach\"; did you mean "
	    "\"patch\"?\n" },
	{ "  A <- closed => ok nmaed silent\n",
	    "t.rly:6:21: expected named or a \"text\", found \"nmaed\"; did "
	    "you mean \"named\"?\n" },
	{ "  target assert alive wihtin 2s\n",
	    "t.rly:6:23: expected within or the end of the line, found \"wi"
	    "htin\"; did you mean \"within\"?\n" },
	{ "  A clsoe\n",
	    "t.rly:6:5: expected \"->\", \"<-\", or shut, close, abort, pa"
	    "use, resume, start, write or drain, found \"clsoe\"; did you "
	    "mean \"close\"?\n" },
	{ "  7\n",
	    "t.rly:6:3: expected a step, found \"7\"\n" },
	{ "  A\n",
	    "t.rly:6:4: expected \"->\", \"<-\", or shut, close, abort, pa"
	    "use, resume, start, write or drain, found the end of the line"
	    "\n" },
	{ "  tags slow\n",
	    "t.rly:6:3: \"tags\" belongs in front of the steps\n" },
	{ "  conn B = ssh\n",
	    "t.rly:6:12: expected tcp, http, upgrade, login, udp or listen"
	    ", found \"ssh\"\n" },
	{ "  conn B = logn key=bob\n",
	    "t.rly:6:12: expected tcp, http, upgrade, login, udp or listen"
	    ", found \"logn\"; did you mean \"login\"?\n" },
	{ "  conn B login\n",
	    "t.rly:6:10: expected \"=\", found \"login\"\n" },
	{ "  conn B = login key=bob carier=raw\n",
	    "t.rly:6:26: a connection has no \"carier\"; did you mean \"ca"
	    "rrier\"?\n" },
	{ "  conn B = http key=bob\n",
	    "t.rly:6:17: \"http\" has no \"key\"\n" },
	{ "  conn B = login key=bob key=carol\n",
	    "t.rly:6:26: \"key\" is given twice\n" },
	{ "  conn B = login key=bob carrier=wss\n",
	    "t.rly:6:34: \"carrier\" cannot be \"wss\"; did you mean \"ws"
	    "\"?\n" },
	{ "  conn B = http to=plan\n",
	    "t.rly:6:20: \"to\" cannot be \"plan\"; did you mean \"plain\""
	    "?\n" },
	{ "  conn B = login\n",
	    "t.rly:6:3: a login needs a key, as in key=alice\n" },
	{ "  conn A = login key=bob\n",
	    "t.rly:6:3: there is a connection \"A\" already (line 5)\n" },
	{ "  conn B = login key=pub(bob)\n",
	    "t.rly:6:22: expected a key's name or seed(\342\200\246), foun"
	    "d pub(\342\200\246)\n" },
	{ "  conn B = login key=7\n",
	    "t.rly:6:22: expected a name, found a number\n" },
	{ "  conn B = login key=\"bob\"\n",
	    "t.rly:6:22: expected a name, found bytes\n" },
	{ "  Alice -> KeepAlive\n",
	    "t.rly:6:3: there is no connection \"Alice\" yet\n" },
	{ "  conn Alice = login key=bob\n  Alcie -> KeepAlive\n",
	    "t.rly:7:3: there is no connection \"Alcie\" yet; did you mean"
	    " \"Alice\"?\n" },
	{ "  A -> Pnig data=x\"00\"\n",
	    "t.rly:6:8: iroh-v3 has no frame \"Pnig\"; did you mean \"Ping"
	    "\"?\n" },
	{ "  A -> Xyzzyplugh\n",
	    "t.rly:6:8: iroh-v3 has no frame \"Xyzzyplugh\"\n" },
	{ "  A -> Ping dta=x\"00\"\n",
	    "t.rly:6:13: Ping has no field \"dta\"; did you mean \"data\"?"
	    "\n" },
	{ "  A -> Ping data=x\"00\" data=x\"00\"\n",
	    "t.rly:6:24: \"data\" is given twice\n" },
	{ "  A -> Ping data=hello\n",
	    "t.rly:6:18: a bare word is no value here: write \"hello\" in "
	    "quotes, $hello or pub(hello)\n" },
	{ "  A ->\n",
	    "t.rly:6:7: expected a frame, raw, http or ws, found the end o"
	    "f the line\n" },
	{ "  A -> Ping data\n",
	    "t.rly:6:13: expected name=value, found \"data\"\n" },
	{ "  A -> raw x\"00\" data=x\"00\"\n",
	    "t.rly:6:18: raw bytes have no \"data\"\n" },
	{ "  A -> raw\n",
	    "t.rly:6:11: expected a value, found the end of the line\n" },
	{ "  conn H = http\n  H -> http GET\n",
	    "t.rly:7:16: expected a value, found the end of the line\n" },
	{ "  conn H = http\n  H -> http \"/\"\n",
	    "t.rly:7:13: expected a method such as GET, or a status, found \"/\"\n" },
	{ "  A -> ws opcode=9\n",
	    "t.rly:6:3: a ws step needs \"over ws\" (or carrier=ws on the "
	    "connection)\n" },
	{ "  A -> Ping data=x\"00*8\" len=+1\n",
	    "t.rly:6:3: there is no length field to change without \"over "
	    "raw\" (or carrier=raw on the connection)\n" },
	{ "  A -> Ping data=x\"00*8\" chop=0\n",
	    "t.rly:6:31: expected a number from 1, found 0\n" },
	{ "  A -> Ping data=x\"00*8\" chop=1 chop=2\n",
	    "t.rly:6:33: \"chop\" is given twice\n" },
	{ "  A -> Ping data=x\"00*8\" every=5ms\n",
	    "t.rly:6:32: \"every\" is the pause between the pieces of \"ch"
	    "op\"\n" },
	{ "  A -> Ping data=x\"00*8\" patch 0=x\"01\"\n",
	    "t.rly:6:32: expected \"@\", found \"0\"\n" },
	{ "  A -> Ping data=x\"00*8\" patch @0\n",
	    "t.rly:6:34: expected \"=\", found the end of the line\n" },
	{ "  A <-\n",
	    "t.rly:6:7: expected a frame, any, bytes, http, ws, closed, eo"
	    "f, reset, truncated, tls or stun, found the end of the line\n" },
	{ "  A <- Pon\n",
	    "t.rly:6:8: iroh-v3 has no frame \"Pon\"; did you mean \"Pong"
	    "\"?\n" },
	{ "  A <- SendPacket\n",
	    "t.rly:6:8: a relay never sends SendPacket\n" },
	{ "  A <- Pong dat==x\"00*8\"\n",
	    "t.rly:6:13: Pong has no field \"dat\"; did you mean \"data\"?"
	    "\n" },
	{ "  A <- Pong data==x\"00*7\"\n",
	    "t.rly:6:19: \"data\" has 8 bytes, this has 7: they are never "
	    "equal\n" },
	{ "  A <- Pong data<x\"00*8\"\n",
	    "t.rly:6:13: \"data\" is not a number: ==, != and ~ compare by"
	    "tes\n" },
	{ "  A <- Pong data==pub(x)+\n",
	    "t.rly:6:26: expected a value, found the end of the line\n" },
	{ "  A <- Pong within\n",
	    "t.rly:6:19: expected a time such as 300ms or 2s, found the en"
	    "d of the line\n" },
	{ "  A <- Pong within 5\n",
	    "t.rly:6:20: expected a time such as 300ms or 2s, found \"5\""
	    "\n" },
	{ "  A <- Pong withn 5s\n",
	    "t.rly:6:13: expected field==value, within, not-before, option"
	    "al, count, then or \"=>\", found \"withn\"; did you mean \"wi"
	    "thin\"?\n" },
	{ "  A <- Pong within 1s within 2s\n",
	    "t.rly:6:23: \"within\" is given twice\n" },
	{ "  A <- Pong within 1s not-before 2s\n",
	    "t.rly:6:34: the window is empty: \"not-before\" is not before"
	    " \"within\"\n" },
	{ "  A <- Pong optional count 2\n",
	    "t.rly:6:3: \"optional\" is \"count 0..1\"\n" },
	{ "  A <- Pong => okay\n",
	    "t.rly:6:16: expected ok, nonstrict, info or fail, found \"oka"
	    "y\"\n" },
	{ "  A <- Pong =>\n",
	    "t.rly:6:15: expected ok, nonstrict, info or fail, found the e"
	    "nd of the line\n" },
	{ "  A <- Pong => ok named\n",
	    "t.rly:6:24: expected a behaviour's name, found the end of the"
	    " line\n" },
	{ "  A <- Pong data as x\n",
	    "t.rly:6:21: expected a variable such as $x, found \"x\"\n" },
	{ "  A <- Pong data as $x\n",
	    "t.rly:6:13: $x is set and never used\n" },
	{ "  A <- closed code==1\n",
	    "t.rly:6:15: closed has no field \"code\"\n" },
	{ "  A <- any data==x\"00\"\n",
	    "t.rly:6:12: any has no field \"data\"\n" },
	{ "  never A Pong\n",
	    "t.rly:6:11: expected \"<-\", found \"Pong\"\n" },
	{ "  never A <- Pong for 1s fence ingress A\n",
	    "t.rly:6:41: either \"for\" or \"fence\", not both\n" },
	{ "  never A <- Pong data as $x\n",
	    "t.rly:6:19: what never comes cannot be captured\nt.rly:6:19: "
	    "$x is set and never used\n" },
	{ "  fence ingres A\n",
	    "t.rly:6:9: expected ingress, data or gone, found \"ingres\"; "
	    "did you mean \"ingress\"?\n" },
	{ "  fence ingress\n",
	    "t.rly:6:16: expected a connection's name, found the end of th"
	    "e line\n" },
	{ "  fence data A B\n",
	    "t.rly:6:16: expected \"to\", found \"B\"\n" },
	{ "  never A <- RecvPacket fence ingress A\n",
	    "t.rly:6:3: the fence \"ingress\" does not come behind every R"
	    "ecvPacket to A: write \"for 300ms\"\n" },
	{ "  conn B = login key=bob\n  never A <- RecvPacket fence data "
	    "A to B\n",
	    "t.rly:7:3: the fence \"data\" does not come behind every Recv"
	    "Packet to A: write \"for 300ms\"\n" },
	{ "  never A <- PeerGone fence data A to A\n",
	    "t.rly:6:3: the fence \"data\" does not come behind every Peer"
	    "Gone to A: write \"for 300ms\"\n" },
	{ "  never A <- any fence ingress A\n",
	    "t.rly:6:3: only a frame can be fenced: write \"for 300ms\"\n" },
	{ "  never A <- Health fence gone A\n",
	    "t.rly:6:3: the fence \"gone\" does not come behind every Heal"
	    "th to A: write \"for 300ms\"\n" },
	{ "  oneof {\n    A -> KeepAlive\n  }\n",
	    "t.rly:7:5: a branch of oneof is a NAME <- \342\200\246 or a n"
	    "ever\n" },
	{ "  oneof {\n  }\n",
	    "t.rly:6:3: there is no branch\n" },
	{ "  oneof {\n    never A <- Pong fence ingress A\n  }\n",
	    "t.rly:7:5: a never among others watches for a time: write \"f"
	    "or 300ms\"\n" },
	{ "  oneof\n",
	    "t.rly:6:8: expected \"{\", found the end of the line\n" },
	{ "  anyorder {\n    never A <- Pong\n  }\n",
	    "t.rly:7:5: in anyorder stands what is waited for: NAME <- "
	    "\342\200\246\n" },
	{ "  anyorder {\n  }\n",
	    "t.rly:6:3: there is nothing to wait for\n" },
	{ "  repeat {\n  }\n",
	    "t.rly:6:10: expected a value, found \"{\"\n" },
	{ "  repeat 0 {\n  }\n",
	    "t.rly:6:10: expected a number from 1, found 0\n" },
	{ "  repeat 1000000 {\n  }\n",
	    "t.rly:6:10: at most 100000 times\n" },
	{ "  repeat 2 as i {\n  }\n",
	    "t.rly:6:15: expected a variable such as $i, found \"i\"\n" },
	{ "  during long {\n  }\n",
	    "t.rly:6:10: expected a time such as 300ms or 2s, found \"long"
	    "\"\n" },
	{ "  during 1s {\n  }\n",
	    "t.rly:6:3: there is nothing to repeat\n" },
	{ "  A write {\n    A <- Pong\n  }\n",
	    "t.rly:7:5: in one write stand sends of A only\n" },
	{ "  A write {\n    A -> KeepAlive chop=1\n  }\n",
	    "t.rly:7:5: one write cannot be chopped here\n" },
	{ "  A drain RecvPacket\n",
	    "t.rly:6:21: expected \"quiet\" and a time, or a \"fence\", "
	    "found the end of the line\n" },
	{ "  A drain RecvPacket quiet 1s fence data A to A\n",
	    "t.rly:6:48: either \"quiet\" or \"fence\", not both\n" },
	{ "  A drain Pong fence data A to A\n  A drain RecvPacket fence gone A\n  A drain RecvPacket fence data A to Z\n",
	    "t.rly:6:3: the fence \"data\" does not come behind every Pong to A: write \"quiet 300ms\"\n"
	    "t.rly:7:3: a drain ends with \"fence data\" or \"quiet 300ms\"\n"
	    "t.rly:8:3: there is no connection \"Z\" yet\n"
	    "t.rly:8:3: the fence \"data\" does not come behind every RecvPacket to A: write \"quiet 300ms\"\n" },
	{ "  A drain any quiet 1s\n",
	    "t.rly:6:3: only frames are drained\n" },
	{ "  A drain RecvPacket increasing dta quiet 1s\n",
	    "t.rly:6:3: RecvPacket has no field \"dta\"\n" },
	{ "  sleep\n",
	    "t.rly:6:8: expected a time such as 300ms or 2s, found the end"
	    " of the line\n" },
	{ "  A -> raw $nothing\n",
	    "t.rly:6:12: $nothing is not set\n" },
	{ "  let $packet = \"x\"\n  A -> raw $pakcet\n  A -> raw $packet"
	    "\n",
	    "t.rly:7:12: $pakcet is not set; did you mean \"packet\"?\n" },
	{ "  A -> raw $target.hots\n",
	    "t.rly:6:12: there is no $target.hots; did you mean \"target.h"
	    "ost\"?\n" },
	{ "  let $x = 1\n",
	    "t.rly:6:3: $x is set and never used\n" },
	{ "  assert 1\n",
	    "t.rly:6:10: assert compares two values, as in $a == $b\n" },
	{ "  A -> raw ran(8)\n",
	    "t.rly:6:12: there is no function \"ran\"; did you mean \"rand"
	    "\"?\n" },
	{ "  A -> raw rand()\n",
	    "t.rly:6:12: it is written rand(n)\n" },
	{ "  A -> raw rand(1,2)\n",
	    "t.rly:6:12: it is written rand(n)\n" },
	{ "  A -> raw flip(\"x\")\n",
	    "t.rly:6:12: it is written flip(bytes, bit=n)\n" },
	{ "  A -> raw flip(\"x\",bt=1)\n",
	    "t.rly:6:24: flip(bytes, bit=n) has no argument \"bt\"\n" },
	{ "  A -> raw pub(\"bob\")\n",
	    "t.rly:6:16: expected a name, found bytes\n" },
	{ "  A -> raw u32(\"bob\")\n",
	    "t.rly:6:16: expected a number, found bytes\n" },
	{ "  A -> raw pub(seed(x\"01*31\"))\n",
	    "t.rly:6:21: a seed has 32 bytes, this has 31\n" },
	{ "  A -> raw rand(8\n",
	    "t.rly:6:18: expected \")\", found the end of the line\n" },
	{ "  A -> raw u32(1 / 0)\n",
	    "t.rly:6:20: division by zero\n" },
	{ "  A -> raw cat(cat(cat(cat(cat(cat(cat(cat(cat(cat(cat(cat(ca"
	    "t(cat(cat(cat(cat(cat(cat(cat(\"\"))))))))))))))))))))\n",
	    "t.rly:6:80: values are nested too deeply\n" },
	{ "repeat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\nr"
	    "epeat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\nre"
	    "peat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\nrep"
	    "eat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\nrepeat 2 {\n}\n}"
	    "\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n",
	    "t.rly:21:11: blocks are nested too deeply\nt.rly:22:11: block"
	    "s are nested too deeply\nt.rly:23:11: blocks are nested too d"
	    "eeply\nt.rly:24:11: blocks are nested too deeply\nt.rly:25:11"
	    ": blocks are nested too deeply\nt.rly:41:1: \"}\" closes noth"
	    "ing here\nt.rly:42:1: \"}\" closes nothing here\nt.rly:43:1: "
	    "\"}\" closes nothing here\nt.rly:44:1: \"}\" closes nothing h"
	    "ere\nt.rly:45:1: \"}\" closes nothing here\n" },
	{ "  call hello(A)\n",
	    "t.rly:6:3: there is no procedure \"hello\"\n" },
	{ "  target singal INT\n",
	    "t.rly:6:10: expected signal, restart, wait or assert, found "
	    "\"singal\"; did you mean \"signal\"?\n" },
	{ "  target\n",
	    "t.rly:6:9: expected signal, restart, wait or assert, found th"
	    "e end of the line\n" },
	{ "  conn U = udp\n  U -> Ping\n  U <- Pong\n",
	    "t.rly:7:3: \"U\" is UDP: it sends raw bytes, and receives bytes or stun\n"
	    "t.rly:8:8: \"U\" is UDP: it sends raw bytes, and receives bytes or stun\n" },
	{ "  A <- stun\n  A <- bytes sze==1\n",
	    "t.rly:6:8: \"A\" is not UDP: STUN never comes there\n"
	    "t.rly:7:14: bytes has no field \"sze\"; did you mean \"size\"?\n" },
	{ "  conn R = listen\n  R -> http GET \"/\"\n  R -> http 999\n  A -> http 200\n",
	    "t.rly:7:3: a relay answers: write http and a status, such as 101\n"
	    "t.rly:8:3: there is no status 999\n"
	    "t.rly:9:3: a client asks: write http, a method and a path\n" },
	{ "  A <- tls sni==\"x\" alpm==\"x\"\n",
	    "t.rly:6:12: \"sni\" is what a client under test asks for: \"A\" is no \"listen\"\n"
	    "t.rly:6:21: tls has no field \"alpm\"; did you mean \"alpn\"?\n" },
	{ "  conn R = listen\n  R start raw\n  R <- RecvPacket\n",
	    "t.rly:8:8: a client never sends RecvPacket\n" },
	{ "  target signal TERN\n",
	    "t.rly:6:17: there is no signal \"TERN\"; did you mean \"TERM\"?\n" },
	{ "  target signal HUP\n  target restart\n  target wait exit==0\n",
	    "t.rly:6:3: other cases play on this target: say \"own\" in front of the steps\n"
	    "t.rly:7:3: other cases play on this target: say \"own\" in front of the steps\n"
	    "t.rly:8:3: other cases play on this target: say \"own\" in front of the steps\n" },
	{ "  target signal USR1 within 5s\n",
	    "t.rly:6:29: a signal is sent at once: what comes of it has the time, such as target wait exit==0\n"
	    "t.rly:6:3: other cases play on this target: say \"own\" in front of the steps\n" },
	{ "  target restart within 5s\n",
	    "t.rly:6:25: a restart goes on when the target is ready: how long that takes is said by its file\n"
	    "t.rly:6:3: other cases play on this target: say \"own\" in front of the steps\n" },
	{ "  target assert fds<=1..3\n",
	    "t.rly:6:22: expected a number, found a range\n"
	    "t.rly:6:3: other cases change that, too: say \"serial\" or \"own\" in front of the steps\n" },
	{ "  target wait exit 0\n",
	    "t.rly:6:20: expected \"exit==\" and a status, found \"0\"\n" },
	{ "  target assert fds<=baseline\n",
	    "t.rly:6:3: other cases change that, too: say \"serial\" or \"own\" in front of the steps\n" },
	{ "  target assert metric x rises 1\n",
	    "t.rly:6:26: expected \"increments\" and a number or a range, found \"rises\"\n" },
	{ "  target assert alive within 1s\n",
	    "t.rly:6:30: it is alive now or it is not: there is nothing to wait for\n" },
	{ "  note hello\n",
	    "t.rly:6:8: expected a \"text\", found \"hello\"\n" },
	{ "  control let $x = \"a\"\n  A -> raw $x\n  defect note \"\"\n",
	    "t.rly:7:12: $x is not set in the defect run\n" },
	{ "  defect conn B = login key=bob\n  B -> KeepAlive\n",
	    "t.rly:7:3: the connection \"B\" is not there in the control r"
	    "un\n" },
	{ "  A -> Pnig\r\n",
	    "t.rly:6:8: iroh-v3 has no frame \"Pnig\"; did you mean \"Ping"
	    "\"?\n" },
	{ "  A -> Health text=\"\303\244\303\266\342\202\254\" dta=\"x\""
	    "\n",
	    "t.rly:6:26: Health has no field \"dta\"\n" },
	{ "\t\tA -> Pnig\n",
	    "t.rly:6:8: iroh-v3 has no frame \"Pnig\"; did you mean \"Ping"
	    "\"?\n" },
	{ "  A -> Pnig\n  B -> KeepAlive\n  sleep\n",
	    "t.rly:8:8: expected a time such as 300ms or 2s, found the end"
	    " of the line\n" },
	{ "  A -> Pnig\n  B -> KeepAlive\n",
	    "t.rly:6:8: iroh-v3 has no frame \"Pnig\"; did you mean \"Ping"
	    "\"?\nt.rly:7:3: there is no connection \"B\" yet\n" },
};

/* clang-format on */

static void
check_errors(const char *text, size_t len, const char *want)
{
	struct text errors;
	struct script *s;

	text_init(&errors);
	s = script_parse("t.rly", text, len, NULL, &errors);
	ck_assert_str_eq(text_str(&errors), want);
	ck_assert_ptr_null(s);
	text_clear(&errors);
}

START_TEST(a_mistake_in_a_file_is_named)
{
	check_errors(whole_files[_i].text, strlen(whole_files[_i].text),
	    whole_files[_i].want);
}
END_TEST

/* The lines stand where line 6 of a good script would be. */
START_TEST(a_mistake_in_a_step_is_named)
{
	struct text t;

	text_init(&t);
	text_addf(&t,
	    "rly 1\ndialect iroh-v3\nscenario t \"T\"\n  covers R-1\n"
	    "  conn A = login key=alice\n%s  fence ingress A\nend\n",
	    lines[_i].text);
	check_errors(text_str(&t), t.len, lines[_i].want);
	text_clear(&t);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_named)
{
	static const char bad_utf8[] = "rly 1\ndialect iroh-v3\n# \xc3\x28\n";
	static const char nul[] = "rly 1\ndialect iroh-v3\n# a\0b\n";
	static const char mark[] = "rly 1\n\xef\xbb\xbf"
				   "dialect iroh-v3\n";

	check_errors(bad_utf8, sizeof(bad_utf8) - 1,
	    "t.rly:3:1: the line is not UTF-8 text\n");
	check_errors(nul, sizeof(nul) - 1, "t.rly:3:4: a control character\n");
	/* A mark belongs in front of the file only. */
	check_errors(mark, sizeof(mark) - 1,
	    "t.rly:2:1: this character means nothing here\n");
}
END_TEST

START_TEST(more_errors_than_anybody_reads_are_counted)
{
	struct text t, errors;
	const char *p;
	size_t shown = 0;

	text_init(&t);
	text_init(&errors);
	text_add(&t, "rly 1\ndialect iroh-v3\nscenario t \"T\"\n covers R-1\n");
	for (int i = 0; i < 150; i++)
		text_add(&t, " sleep\n");
	text_add(&t, "end\n");
	ck_assert_ptr_null(
	    script_parse("t.rly", text_str(&t), t.len, NULL, &errors));
	for (p = text_str(&errors); (p = strchr(p, '\n')) != NULL; p++)
		shown++;
	ck_assert_uint_eq(shown, 101);
	ck_assert_ptr_nonnull(strstr(text_str(&errors),
	    "\nt.rly: 50 more errors are not shown\n"));
	text_clear(&t);
	text_clear(&errors);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("scenario errors");
	TCase *tc = tcase_create("text");

	tcase_add_rows(tc, a_mistake_in_a_file_is_named, whole_files);
	tcase_add_rows(tc, a_mistake_in_a_step_is_named, lines);
	tcase_add_test(tc, bytes_that_are_no_text_are_named);
	tcase_add_test(tc, more_errors_than_anybody_reads_are_counted);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
