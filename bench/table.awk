# Makes the tables of RESULTS.md: names of the relays on stdin, measurements
# in |tsv| (row, relay, round, a JSON object), their titles in |head|.
#
# A ratio is taken within a round, where both ran one behind the other, and
# the median of the rounds counts, so that a machine that changes its speed
# does not matter; beside it stand the quartiles, if there were five or more.
function value(json, key,    at) {
	at = match(json, "\"" key "\":-?[0-9.]+")
	return at ? substr(json, at + length(key) + 3, RLENGTH - length(key) - 3) + 0 : ""
}

function of(row, relay, round, key) {
	return (row, relay, round) in line ? value(line[row, relay, round], key) : ""
}

# What has been added to |list|, in order.
function sort(    i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
			t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
		}
}

function add(x) {
	if (x != "")
		list[++n] = x + 0
}

function middle() {
	if (n == 0)
		return ""
	sort()
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# Behind middle().
function quartiles(format) {
	return n < 5 ? "" : sprintf(" [" format "–" format "]", list[int((n + 3) / 4)], list[int((3 * n + 1) / 4)])
}

function median(row, relay, key,    i) {
	n = 0
	for (i = 1; i <= nrounds; i++)
		add(of(row, relay, i, key))
	return middle()
}

# The median of the rounds' ratios |a| of the one to |b| of the other.
function ratio(row, relay, other, key,    i, a, b) {
	n = 0
	for (i = 1; i <= nrounds; i++) {
		a = of(row, relay, i, key)
		b = of(row, other, i, key)
		if (a != "" && b != "" && b > 0)
			add(a / b)
	}
	return middle()
}

# A login in multiples of the floor's and one check of a signature beside it.
function login_ratio(row, relay,    i, a, b, c) {
	n = 0
	for (i = 1; i <= nrounds; i++) {
		a = of(row, relay, i, "cpu_us_each")
		b = of(row, "floor", i, "cpu_us_each")
		c = of(row, "check", i, "verify_us")
		if (a != "" && b != "" && c != "")
			add(a / (b + c))
	}
	return middle()
}

function number(x) {
	return x == "" ? "–" : sprintf("%.2f", x)
}

function times(row, relay, key) {
	return number(ratio(row, relay, "floor", key))
}

function times_spread(row, relay, key,    x) {
	x = times(row, relay, key)
	return x quartiles("%.2f")
}

# Of all rounds.
function lost(row, relay,    i, l) {
	l = 0
	for (i = 1; i <= nrounds; i++)
		l += of(row, relay, i, "lost")
	return l
}

function lost_text(row, relay,    l) {
	l = lost(row, relay)
	return l > 0 ? sprintf(", %d lost", l) : ""
}

function rate_text(x) {
	return x >= 1e6 ? sprintf("%.2f M", x / 1e6) : x >= 1e4 ? sprintf("%.0f k", x / 1e3) : sprintf("%.0f", x)
}

# "" if there is something to show.
function failed(row, relay,    f) {
	f = median(row, relay, "failed")
	if (!((row, relay) in measured))
		return "–"
	return f != "" ? "exit " f : ""
}

function cell_packets(row, relay,    t) {
	if (relay == "floor") {
		t = sprintf("%.2f µs", median(row, relay, "cpu_us_each"))
		return t sprintf(" (%s/s)", rate_text(median(row, relay, "packets_per_s")))
	}
	t = times_spread(row, relay, "cpu_us_each")
	return t " (" times(row, relay, "packets_per_s") lost_text(row, relay) ")"
}

function cell_rate(row, relay,    t) {
	if (relay == "floor") {
		t = sprintf("%.0f / %.0f", median(row, relay, "p50_us"), median(row, relay, "p99_us"))
		t = t quartiles("%.0f")
		return t sprintf(" / %.0f µs", median(row, relay, "p999_us"))
	}
	t = times(row, relay, "p50_us") " / " times_spread(row, relay, "p99_us")
	return t " / " times(row, relay, "p999_us") lost_text(row, relay)
}

function cell_logins(row, relay,    t) {
	if (relay == "floor")
		return sprintf("%.0f µs (%s/s); check %.0f µs; with check %.0f µs", median(row, relay, "cpu_us_each"), \
		    rate_text(median(row, relay, "logins_per_s")), median(row, "check", "verify_us"), \
		    median(row, "checked", "cpu_us_each"))
	t = sprintf("%.0f µs (%s)", median(row, relay, "cpu_us_each"), times(row, relay, "logins_per_s"))
	t = t "; " number(login_ratio(row, relay))
	t = t quartiles("%.2f")
	t = t "; " number(ratio(row, relay, "checked", "cpu_us_each"))
	return t quartiles("%.2f")
}

function cell_idle(row, relay) {
	return sprintf("%.0f bytes%s", median(row, relay, "rss_per_connection"), lost_text(row, relay))
}

function cell(group, row, relay,    f) {
	if ((f = failed(row, relay)) != "")
		return f
	if (group == "packets" || group == "stall") return cell_packets(row, relay)
	if (group == "rate") return cell_rate(row, relay)
	if (group == "logins") return cell_logins(row, relay)
	return cell_idle(row, relay)
}

function table(group, title, text,    i, r, part, begun) {
	for (i = 1; i <= nrows; i++) {
		split(rows[i], part, "|")
		if (part[1] != group)
			continue
		if (!begun) {
			printf "\n## %s\n\n%s\n\n| carrier | load |%s\n|---|---|", title, text, titles
			for (r = 1; r <= nrelays; r++)
				printf "---:|"
			printf "\n"
			begun = 1
		}
		printf "| %s | %s |", carrier[part[2]], part[3]
		for (r = 1; r <= nrelays; r++)
			printf " %s |", cell(group, rows[i], relays[r])
		printf "\n"
	}
}

# ---- aims: each row that one is about has a figure; the worst decides

function aim(text, sense, limit) {
	aim_text = text; aim_sense = sense; aim_limit = limit
	aim_rows = aim_met = 0
}

# |x| is the figure of the row, |spread| what goes behind it.
function judge(row, x, format, spread,    part, good) {
	if (x == "")
		x = aim_sense == "most" ? 1e9 : -1 # what failed meets nothing
	good = aim_sense == "most" ? x <= aim_limit : x >= aim_limit
	aim_rows++
	aim_met += good
	if (aim_rows == 1 || (aim_sense == "most" ? x > aim_worst : x < aim_worst)) {
		split(row, part, "|")
		aim_worst = x
		aim_where = carrier[part[2]] ", " part[3]
		aim_figure = x == 1e9 || x == -1 ? "none" : sprintf(format, x) spread
	}
}

function verdict() {
	if (aim_rows == 0)
		printf "| %s | at %s %s | – | – | not measured |\n", aim_text, aim_sense, aim_limit
	else
		printf "| %s | at %s %s | %s | %s | %s |\n", aim_text, aim_sense, aim_limit, aim_where, aim_figure, \
		    aim_met == aim_rows ? "yes, " aim_rows " of " aim_rows : "**no**, " aim_met " of " aim_rows
}

function is_row(row, group, schemes, pattern,    part) {
	split(row, part, "|")
	return part[1] == group && index(" " schemes " ", " " part[2] " ") && part[3] ~ pattern
}

function aim_ratio(text, sense, limit, group, schemes, pattern, relay, other, key,    i, x) {
	aim(text, sense, limit)
	for (i = 1; i <= nrows; i++)
		if (is_row(rows[i], group, schemes, pattern)) {
			x = ratio(rows[i], relay, other, key)
			judge(rows[i], x, "%.2f", quartiles("%.2f"))
		}
	verdict()
}

function aim_logins(    i, x) {
	aim("login: CPU, × (the floor's + one check of a signature beside it)", "most", 1.1)
	for (i = 1; i <= nrows; i++)
		if (is_row(rows[i], "logins", "http ws https", ".")) {
			x = login_ratio(rows[i], "relayd")
			judge(rows[i], x, "%.2f", quartiles("%.2f"))
		}
	verdict()
}

function aim_idle(schemes, limit,    i) {
	aim("resident bytes of an idle connection", "most", limit)
	for (i = 1; i <= nrows; i++)
		if (is_row(rows[i], "idle", schemes, "."))
			judge(rows[i], median(rows[i], "relayd", "rss_per_connection"), "%d", "")
	verdict()
}

function aim_lost(    i) {
	aim("a receiver that never reads: packets of the others that are lost", "most", 0)
	for (i = 1; i <= nrows; i++)
		if (is_row(rows[i], "stall", "http ws https", "."))
			judge(rows[i], failed(rows[i], "relayd") == "" ? lost(rows[i], "relayd") : "", "%d", "")
	verdict()
}

# Packets per CPU second, × a real relay's; and how many the floor has.
function aim_iroh(title, relay, under_way,    i, x, spread) {
	if (!(relay in is_relay))
		return
	aim("TLS, 64 and 1200 B, " under_way ": packets per CPU second, × " title "'s", "least", 3)
	for (i = 1; i <= nrows; i++)
		if (is_row(rows[i], "packets", "https", "^(64|1200) B, .*, " under_way "$")) {
			x = ratio(rows[i], relay, "relayd", "cpu_us_each")
			spread = quartiles("%.2f")
			judge(rows[i], x, "%.2f", spread " (the floor: " number(ratio(rows[i], relay, "floor", "cpu_us_each")) ")")
		}
	verdict()
}

function aims() {
	printf "\n## Aims\n\nOf relayd with one loop. The worst row of this run decides; behind the verdict how many rows meet the aim.\n\n"
	printf "| aim | | worst row | figure | met |\n|---|---|---|---:|---|\n"
	aim_ratio("packets, raw: CPU of each, × the floor's", "most", 1.6, "packets", "http", ".", "relayd", "floor", "cpu_us_each")
	aim_ratio("packets, WebSocket: the same", "most", 2, "packets", "ws", ".", "relayd", "floor", "cpu_us_each")
	aim_ratio("packets, 8192 and 65502 B over TLS: CPU of each, × the floor's, its cipher included", "most", 1.3, \
	    "packets", "https", "^(8192|65502) B", "relayd", "floor", "cpu_us_each")
	aim_ratio("the same, WebSocket over TLS", "most", 1.3, "packets", "wss", "^(8192|65502) B", "relayd", "floor", "cpu_us_each")
	aim_iroh("iroh-relay 0.28.2", "iroh-028", "32 under way")
	aim_iroh("iroh-relay 0.35.0", "iroh-035", "32 under way")
	aim_iroh("iroh-relay 0.28.2", "iroh-028", "1 under way")
	aim_iroh("iroh-relay 0.35.0", "iroh-035", "1 under way")
	aim_ratio("p99 at a fixed rate, × the floor's", "most", 1.5, "rate", "http ws https", ".", "relayd", "floor", "p99_us")
	aim_logins()
	aim_ratio("the same, read more strictly: × the login of a floor that checks the signature", "most", 1.1, "logins", "http ws https", ".", "relayd", "checked", "cpu_us_each")
	aim_idle("http ws", 3000)
	aim_idle("https", 16000)
	aim_lost()
}

BEGIN {
	carrier["http"] = "raw"; carrier["ws"] = "WebSocket"
	carrier["https"] = "raw, TLS"; carrier["wss"] = "WebSocket, TLS"
	FS = "\t"
	while ((getline < tsv) > 0) {
		if (!($1 in seen)) {
			seen[$1] = 1
			rows[++nrows] = $1
		}
		line[$1, $2, $3] = $4
		measured[$1, $2] = 1
		if ($3 > nrounds)
			nrounds = $3
	}
	getline titles < head
	sub(/^HEAD\|/, "", titles)
	gsub(/\|/, " | ", titles)
	titles = " " titles " |"
	FS = " "
}
{
	nrelays = split($0, relays, " ")
	for (r = 1; r <= nrelays; r++)
		is_relay[relays[r]] = 1
}
END {
	aims()
	table("packets", "Packets", "CPU time of the relay for each packet, in brackets packets per second; for the floor absolute.")
	table("rate", "Latency", "p50 / p99 / p99.9 at a fixed rate, counted from the time at which a packet was due.")
	table("stall", "A receiver that never reads", "The other pairs, as above; nothing of theirs may be lost.")
	table("logins", "Logins", "CPU time of the relay for each login, in brackets logins per second; then as a multiple of the floor's login plus\none check of a signature by libsodium (a run of its own in each round), and of the login of a floor that checks it.")
	table("idle", "Idle connections", "Growth of the resident memory of a fresh relay for each connection.")
}
