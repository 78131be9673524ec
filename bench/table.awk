# Makes the tables of RESULTS.md: names of the relays on stdin, measurements
# in |tsv| (row, relay, a JSON object), their titles in |head|.
function value(json, key,    at) {
	at = match(json, "\"" key "\":-?[0-9.]+")
	return at ? substr(json, at + length(key) + 3, RLENGTH - length(key) - 3) + 0 : ""
}

# The median of what the rounds said.
function median(row, relay, key,    n, i, j, v, list, t) {
	n = 0
	for (i = 1; i <= count[row, relay]; i++) {
		v = value(line[row, relay, i], key)
		if (v != "")
			list[++n] = v
	}
	if (n == 0)
		return ""
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
			t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
		}
	return list[int((n + 1) / 2)]
}

function times(row, relay, key,    a, b) {
	a = median(row, relay, key)
	b = median(row, "floor", key)
	return a == "" || b == "" || b <= 0 ? "–" : sprintf("%.2f", a / b)
}

function lost(row, relay,    l) {
	l = median(row, relay, "lost")
	return l > 0 ? sprintf(", %d lost", l) : ""
}

function rate_text(n) {
	return n >= 1e6 ? sprintf("%.2f M", n / 1e6) : n >= 1e4 ? sprintf("%.0f k", n / 1e3) : sprintf("%.0f", n)
}

function failed(row, relay,    f) {
	f = median(row, relay, "failed")
	if (count[row, relay] == 0)
		return "–"
	return f != "" ? "exit " f : ""
}

function cell_packets(row, relay) {
	if (relay == "floor")
		return sprintf("%.2f µs (%s/s)", median(row, relay, "cpu_us_each"), rate_text(median(row, relay, "packets_per_s")))
	return times(row, relay, "cpu_us_each") " (" times(row, relay, "packets_per_s") lost(row, relay) ")"
}

function cell_rate(row, relay) {
	if (relay == "floor")
		return sprintf("%.0f / %.0f / %.0f µs", median(row, relay, "p50_us"), median(row, relay, "p99_us"), median(row, relay, "p999_us"))
	return times(row, relay, "p50_us") " / " times(row, relay, "p99_us") " / " times(row, relay, "p999_us") lost(row, relay)
}

function cell_stall(row, relay) {
	return cell_packets(row, relay)
}

function cell_logins(row, relay,    f, c) {
	f = median(row, "floor", "cpu_us_each")
	c = median(row, relay, "cpu_us_each")
	if (relay == "floor")
		return sprintf("%.0f µs (%s/s)", c, rate_text(median(row, relay, "logins_per_s")))
	return sprintf("%s (%s); %.2f of floor + check", times(row, relay, "cpu_us_each"), times(row, relay, "logins_per_s"), c / (f + verify))
}

function cell_idle(row, relay) {
	return sprintf("%.0f bytes%s", median(row, relay, "rss_per_connection"), lost(row, relay))
}

function cell(group, row, relay,    f) {
	if ((f = failed(row, relay)) != "")
		return f
	if (group == "packets") return cell_packets(row, relay)
	if (group == "rate") return cell_rate(row, relay)
	if (group == "stall") return cell_stall(row, relay)
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

BEGIN {
	carrier["http"] = "raw"; carrier["ws"] = "WebSocket"
	carrier["https"] = "raw, TLS"; carrier["wss"] = "WebSocket, TLS"
	FS = "\t"
	while ((getline < tsv) > 0) {
		if (!($1 in seen)) {
			seen[$1] = 1
			rows[++nrows] = $1
		}
		line[$1, $2, ++count[$1, $2]] = $3
	}
	getline titles < head
	sub(/^HEAD\|/, "", titles)
	gsub(/\|/, " | ", titles)
	titles = " " titles " |"
	FS = " "
}
{
	nrelays = split($0, relays, " ")
}
END {
	table("packets", "Packets", "CPU time of the relay for each packet, in brackets packets per second; for the floor absolute.")
	table("rate", "Latency", "p50 / p99 / p99.9 at a fixed rate, counted from the time at which a packet was due.")
	table("stall", "A receiver that never reads", "The other pairs, as above; nothing of theirs may be lost.")
	table("logins", "Logins", sprintf("CPU time of the relay for each login, in brackets logins per second. The floor believes everybody; one check of a signature by libsodium took %.1f µs.", verify))
	table("idle", "Idle connections", "Growth of the resident memory of a fresh relay for each connection.")
}
