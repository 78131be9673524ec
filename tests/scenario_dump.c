/* A parsed script as text; see scenario_dump.h. */
#include "config.h"

#include "scenario_dump.h"

static const char *const op_names[] = { "==", "!=", "<", "<=", ">", ">=", "~",
	"+", "-", "*", "/" };

static void
dump_expr(const struct expr *e, struct text *out)
{
	switch (e->kind) {
	case EXPR_INT:
		text_addf(out, "%lld", (long long)e->number);
		return;
	case EXPR_DURATION:
		text_addf(out, "%lldns", (long long)e->number);
		return;
	case EXPR_BYTES:
		text_add(out, "<");
		text_add_hex(out, e->bytes, e->len);
		text_add(out, ">");
		return;
	case EXPR_VAR:
		text_addf(out, "$%s", e->word);
		return;
	case EXPR_WORD:
		text_add(out, e->word);
		return;
	case EXPR_ABSENT:
		text_add(out, "(absent)");
		return;
	case EXPR_RANGE:
		dump_expr(e->arg[0], out);
		text_add(out, "..");
		dump_expr(e->arg[1], out);
		return;
	case EXPR_BINARY:
		text_add(out, "(");
		dump_expr(e->arg[0], out);
		text_addf(out, " %s ", op_names[e->op]);
		dump_expr(e->arg[1], out);
		text_add(out, ")");
		return;
	case EXPR_CALL:
		text_addf(out, "%s(", e->word);
		for (size_t i = 0; i < e->nargs; i++) {
			text_add(out, i > 0 ? ", " : "");
			if (e->argname[i] != NULL)
				text_addf(out, "%s=", e->argname[i]);
			dump_expr(e->arg[i], out);
		}
		text_add(out, ")");
		return;
	}
}

static void
dump_opt(const char *name, const struct expr *e, struct text *out)
{
	if (e == NULL)
		return;
	text_addf(out, " %s:", name);
	dump_expr(e, out);
}

static void
dump_word(const char *name, const char *word, struct text *out)
{
	if (word != NULL)
		text_addf(out, " %s:%s", name, word);
}

static void
dump_watch(const struct watch_for *w, struct text *out)
{
	static const char *const matches[] = { "frame", "any", "bytes", "http",
		"ws", "closed", "eof", "reset", "truncated", "tls", "stun" };

	text_addf(out, " [%s", matches[w->match]);
	if (w->match == MATCH_FRAME)
		text_addf(out, " %s/%s", w->frame_name,
		    w->frame != NULL ? w->frame->name : "?");
	for (size_t i = 0; i < w->npreds; i++) {
		const struct pred *p = &w->preds[i];

		text_addf(out, " %s", p->field);
		if (p->capture != NULL) {
			text_addf(out, " as $%s", p->capture);
			continue;
		}
		text_add(out, op_names[p->op]);
		dump_expr(p->value, out);
	}
	text_add(out, "]");
}

static void
dump_outcome(const struct outcome *o, struct text *out)
{
	static const char *const words[] = { "", "ok", "nonstrict", "info",
		"fail" };

	if (o->word != WORD_NONE)
		text_addf(out, " =>%s", words[o->word]);
	dump_word("named", o->named, out);
	dump_word("because", o->text, out);
}

static void
dump_kind(const struct step *s, struct text *out)
{
	static const char *const kinds[] = { "conn", "send", "expect", "never",
		"fence", "life", "oneof", "anyorder", "repeat", "during",
		"write", "drain", "sleep", "let", "assert", "call", "note",
		"target" };
	static const char *const conns[] = { "tcp", "http", "upgrade", "login",
		"udp", "listen" };
	static const char *const sends[] = { "frame", "raw", "http", "ws" };
	static const char *const lives[] = { "shut", "close", "abort", "pause",
		"resume", "start-raw", "start-ws", "start-tls" };

	static const char *const targets[] = { "signal", "restart", "exit",
		"alive", "fds", "rss", "metric", "file" };

	text_add(out,
	    s->run == RUN_DEFECT        ? "defect "
		: s->run == RUN_CONTROL ? "control "
					: "");
	text_add(out, kinds[s->kind]);
	dump_word("on", s->conn, out);
	if (s->kind == STEP_CONN)
		text_addf(out, " %s", conns[s->conn_kind]);
	if (s->kind == STEP_SEND)
		text_addf(out, " %s", sends[s->send_kind]);
	if (s->kind == STEP_LIFE)
		text_addf(out, " %s", lives[s->life]);
	if (s->kind == STEP_TARGET)
		text_addf(out, " %s", targets[s->target]);
	if (s->kind == STEP_TARGET && s->from_baseline)
		text_addf(out, " baseline%+d", (int)s->value_sign);
}

static void
dump_send(const struct step *s, struct text *out)
{
	dump_word("name", s->name, out);
	if (s->frame != NULL)
		text_addf(out, "/%s", s->frame->name);
	dump_opt("value", s->value, out);
	for (size_t i = 0; i < s->nsettings; i++) {
		text_addf(out, " %s=", s->settings[i].name);
		dump_expr(s->settings[i].value, out);
	}
	dump_opt("chop", s->chop, out);
	dump_opt("every", s->every, out);
	dump_opt("cut", s->cut, out);
	dump_opt("len", s->len_delta, out);
	for (size_t i = 0; i < s->npatches; i++) {
		text_add(out, " @");
		dump_expr(s->patches[i].offset, out);
		text_add(out, "=");
		dump_expr(s->patches[i].bytes, out);
	}
	for (size_t i = 0; i < s->nargs; i++)
		dump_opt("arg", s->args[i], out);
}

static void
dump_waits(const struct step *s, struct text *out)
{
	static const char *const fences[] = { "", "ingress", "data", "gone" };

	if (s->kind == STEP_EXPECT || s->kind == STEP_NEVER ||
	    s->kind == STEP_DRAIN)
		dump_watch(&s->watch, out);
	dump_opt("within", s->within, out);
	dump_opt("not-before", s->not_before, out);
	if (s->optional)
		text_add(out, " optional");
	dump_opt("count", s->count, out);
	if (s->then != NULL) {
		text_add(out, " then");
		dump_watch(s->then, out);
	}
	dump_opt("time", s->watch_time, out);
	dump_word("increasing", s->increasing, out);
	if (s->fence.kind != FENCE_NONE)
		text_addf(out, " fence:%s", fences[s->fence.kind]);
	dump_word("a", s->fence.a, out);
	dump_word("b", s->fence.b, out);
	dump_word("as", s->repeat_var, out);
	dump_word("text", s->text, out);
	dump_outcome(&s->outcome, out);
}

void
dump_step(const struct step *s, struct text *out)
{
	dump_kind(s, out);
	dump_send(s, out);
	dump_waits(s, out);
	if (s->nbody == 0)
		return;
	text_add(out, " {");
	for (size_t i = 0; i < s->nbody; i++) {
		text_add(out, i > 0 ? "; " : " ");
		dump_step(s->body[i], out);
	}
	text_add(out, " }");
}

static void
dump_list(const char *name, char *const *words, size_t n, struct text *out)
{
	if (n > 0)
		text_addf(out, " %s", name);
	for (size_t i = 0; i < n; i++)
		text_addf(out, "%c%s", i > 0 ? ',' : ':', words[i]);
}

void
dump_scenario(const struct scenario *sc, struct text *out)
{
	static const char *const leftovers[] = { "", " leftover:fail",
		" leftover:list", " leftover:ignore" };

	text_addf(out, "scenario %s (%s)", sc->id, sc->title);
	dump_list("covers", sc->covers, sc->ncovers, out);
	for (size_t i = 0; i < sc->ncovers; i++)
		if (sc->cover_carriers[i] != 0)
			text_addf(out, " %zu:%u", i, sc->cover_carriers[i]);
	dump_list("tags", sc->tags, sc->ntags, out);
	dump_list("needs", sc->needs, sc->nneeds, out);
	dump_list("unless", sc->unless, sc->nunless, out);
	if (sc->carriers != 0)
		text_addf(out, " over:%u", sc->carriers);
	for (size_t i = 0; i < sc->nparams; i++) {
		text_addf(out, " param:%s", sc->params[i].name);
		for (size_t v = 0; v < sc->params[i].nvalues; v++) {
			text_add(out, v > 0 ? "," : "=");
			dump_expr(sc->params[i].values[v], out);
		}
	}
	if (sc->timeout_ns != 0)
		text_addf(out, " timeout:%lldns", (long long)sc->timeout_ns);
	text_addf(out, "%s%s%s%s%s%s\n", sc->own ? " own" : "",
	    sc->serial ? " serial" : "", sc->calm ? " calm" : "",
	    sc->background_strict ? " strict" : "", leftovers[sc->leftover],
	    sc->has_control ? " with-control" : "");
	for (size_t i = 0; i < sc->nsteps; i++) {
		text_add(out, "  ");
		dump_step(sc->steps[i], out);
		text_add(out, "\n");
	}
}

void
dump_script(const struct script *s, struct text *out)
{
	text_addf(out, "dialect %s\n",
	    s->dialect != NULL ? s->dialect->id : "any");
	for (size_t i = 0; i < s->nlets; i++) {
		dump_step(s->lets[i], out);
		text_add(out, "\n");
	}
	for (size_t i = 0; i < s->nframes; i++)
		text_addf(out, "frame %s %u\n", s->frames[i]->name,
		    s->frames[i]->type);
	for (size_t i = 0; i < s->nprocs; i++) {
		text_addf(out, "proc %s", s->procs[i]->name);
		dump_list("params", s->procs[i]->params, s->procs[i]->nparams,
		    out);
		text_add(out, "\n");
	}
	for (size_t i = 0; i < s->nscenarios; i++)
		dump_scenario(s->scenarios[i], out);
}
