/*
 * What can still happen on a connection: no frames before it carries frames,
 * nothing behind its end.  In a run such a step would be blamed on the relay,
 * or be an error that one sees only there.
 */
#include "config.h"

#include "scenario/checker.h"

void
flow_opened(struct checker *k, struct known_name *conn, const struct step *s)
{
	bool framed =
	    s->conn_kind == CONN_UPGRADE || s->conn_kind == CONN_LOGIN;

	conn->framed = (conn->framed & ~k->runs) | (framed ? k->runs : 0);
	conn->shut &= ~k->runs;
	conn->closed &= ~k->runs;
}

/* Is it closed in a run of this step?  Then that is complained of. */
static bool
refuse_closed(struct checker *k, const struct known_name *conn,
    const struct place *at)
{
	if ((conn->closed & k->runs) == 0 || k->lifted)
		return false;
	complain(k->c, at, "\"%s\" was closed on line %d: this comes too late",
	    conn->name, conn->left_line);
	return true;
}

static void
refuse_unframed(struct checker *k, const struct known_name *conn,
    const struct place *at)
{
	if (!k->lifted && conn->conn != NULL &&
	    conn->conn->conn_kind != CONN_UDP && (k->runs & ~conn->framed) != 0)
		complain(k->c, at,
		    "there are no frames on \"%s\" before \"%s start raw\" or "
		    "\"ws\"",
		    conn->name, conn->name);
}

void
flow_life(struct checker *k, struct known_name *conn, const struct step *s)
{
	if (conn == NULL || refuse_closed(k, conn, &s->at))
		return;
	switch (s->life) {
	case LIFE_SHUT:
		conn->shut |= k->runs;
		conn->left_line = s->at.line;
		break;
	case LIFE_CLOSE:
	case LIFE_ABORT:
		conn->closed |= k->runs;
		conn->left_line = s->at.line;
		break;
	case LIFE_START_RAW:
	case LIFE_START_WS:
		conn->framed |= k->runs;
		break;
	default:
		break;
	}
}

void
flow_send(struct checker *k, const struct known_name *conn,
    const struct step *s)
{
	if (conn == NULL || refuse_closed(k, conn, &s->at))
		return;
	if ((conn->shut & k->runs) != 0 && !k->lifted)
		complain(k->c, &s->at,
		    "\"%s\" was shut on line %d: it sends no more", conn->name,
		    conn->left_line);
	else if (s->send_kind == SEND_FRAME)
		refuse_unframed(k, conn, &s->name_at);
}

void
flow_watch(struct checker *k, const struct known_name *conn,
    const struct watch_for *w)
{
	if (conn == NULL || refuse_closed(k, conn, &w->at))
		return;
	if (w->match == MATCH_FRAME || w->match == MATCH_ANY)
		refuse_unframed(k, conn, &w->at);
	else if (w->match == MATCH_HTTP && !k->lifted && conn->conn != NULL &&
	    (conn->conn->conn_kind == CONN_UPGRADE ||
		conn->conn->conn_kind == CONN_LOGIN))
		complain(k->c, &w->at,
		    "\"%s\" is upgraded: HTTP comes on a \"conn %s = http\"",
		    conn->name, conn->name);
}

/* A fence sends on it, or waits for what comes there. */
void
flow_fence(struct checker *k, const struct known_name *conn,
    const struct place *at)
{
	if (conn != NULL && !refuse_closed(k, conn, at))
		refuse_unframed(k, conn, at);
}
