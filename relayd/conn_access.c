/*
 * A login that waits for the access service: frames behind it stay where
 * they are, and the time of the login runs on.
 */
#include "config.h"

#include "relayd/conn.h"

#include "relayd/access_http.h"
#include "relayd/conf.h"
#include "relayd/server.h"
#include "relayd/worker.h"

static void
on_answer(void *arg, enum access_answer answer, const char *why)
{
	static struct log_limit limit = { .burst = 1 };
	struct conn *c = arg;

	c->query = NULL;
	metrics_up(&c->worker->metrics.access_answers[answer]);
	if (answer > ACCESS_ANSWER_DENIED)
		log_limited(&limit, LOG_WARN, "access-unanswered why=\"%s\"",
		    why);
	else if (answer == ACCESS_ANSWER_DENIED)
		conn_log(c, NULL, LOG_DEBUG, "access-denied why=\"%s\"", why);
	if (conn_login_answered(c, answer == ACCESS_ANSWER_ALLOWED))
		conn_resume(c);
}

bool
conn_access_start(struct conn *c)
{
	struct worker *w = c->worker;
	struct access_service *service = server_access_service(w->server);

	if (service == NULL) /* a reload has changed the rule */
		return conn_login_answered(c,
		    server_allows(w->server, &c->login.peer));
	c->query = access_ask(&w->asker, service, &c->login.peer, on_answer, c);
	access_service_unref(service);
	return c->query != NULL || conn_close(c, ENDING_LIMIT, "no-memory");
}

void
conn_access_cancel(struct conn *c)
{
	access_query_cancel(c->query);
	c->query = NULL;
}
